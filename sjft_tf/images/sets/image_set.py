"""An image set: names, labels and random access to decoded images, whatever they are stored in."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.places.watching import Files
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.identity import identities_of, sha256_rows
from sjft_tf.images.sets.loaders import Loader, on_cpu
from sjft_tf.images.sets.square import SQUASH


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset with one parallel call a core, instead of tuning that number while it runs.

    The tuner's thread is not always woken when an iterator ends, and then ends only when its period, which grows, is
    over: measured 2 s after 6,000 images and 18 s after 40,000, with all cores idle.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


class ImageSet:
    """Labeled images with random access by row.

    Args:
        name: short name for messages and for prefixes when several sets are joined.
        ids: N stable, unique names (relative path, position within a split, ...).
        labels: int [N], positions in `class_names`; or bool [N, C], of each image which classes it is of, where it may
            be of several or of none.
        class_names: the C class names, unique.
        contents: how the images are read and what is in them.
        origin: where the images are kept, without the split (an absolute folder, say). Two sets hold the same
            image if `origin` joined with the id is the same.
        identities: uint64 [N], hashes of origin and id; None (default) computes them.

    Attributes:
        ids: np.ndarray of str [N].
        labels: np.ndarray int32 [N]; of an image with several labels the first in the order of classes, of one without
            any 0: good for a caption, and for nothing else.
        label_matrix: bool [N, C] as given; None of ordinary sets, whose images have one label each.
        contents: as given.
        fingerprint: digest of ids, labels, class names and image contents; independent of where they lie.

    Raises:
        InputError: no images, ids or class names that are not unique, labels out of range.
    """

    def __init__(
        self,
        name: str,
        ids: Sequence[str] | np.ndarray,
        labels: Sequence[int] | np.ndarray,
        class_names: Sequence[str],
        contents: ImageContents,
        *,
        origin: str = "",
        identities: np.ndarray | None = None,
    ) -> None:
        self.name = name
        self.ids = np.asarray(ids, dtype=str)
        given = np.asarray(labels)
        self.label_matrix = given.astype(bool) if given.ndim == 2 else None
        # Of a row the place of its first True, which is 0 where there is none.
        self.labels = np.asarray(given if self.label_matrix is None else self.label_matrix.argmax(axis=1), np.int32)
        self.class_names = tuple(str(c) for c in class_names)
        self.contents = contents
        self.origin = origin or name
        self._check()
        self.identities = identities_of(self.origin, self.ids.tolist()) if identities is None else identities
        # Both are told only where they were given, so that older fingerprints stay.
        seen: list[object] = [] if contents.value_range is None else [list(contents.value_range)]
        seen += [] if contents.aspect_ratio == SQUASH else [contents.aspect_ratio]
        self.fingerprint = artifacts.fingerprint(self.ids, self.truth, list(self.class_names), self.digests, *seen)
        self._label_tensor = on_cpu(self.labels)

    def _check(self) -> None:
        if len(self.ids) == 0:
            raise InputError(f"Image set '{self.name}' has no images. Expected at least one.")
        if self.labels.shape != self.ids.shape or self.digests.shape != (*self.ids.shape, 32):
            raise ValueError(
                f"`ids`, `labels` and `digests` must agree. Received: shapes {self.ids.shape}, {self.labels.shape} "
                f"and {self.digests.shape}"
            )
        for what, values in (("id", self.ids), ("class name", np.asarray(self.class_names, dtype=str))):
            unique, counts = np.unique(values, return_counts=True)
            if len(unique) != len(values):
                raise InputError(
                    f"Image set '{self.name}' uses {(counts > 1).sum()} {what}(s) more than once, e.g. "
                    f"'{unique[counts > 1][0]}'. Every {what} must be unique: remove or rename the repeated ones."
                )
        if self.label_matrix is not None and self.label_matrix.shape[1] != len(self.class_names):
            raise ValueError(
                f"`labels` must have a column for each of the {len(self.class_names)} classes. "
                f"Received: {self.label_matrix.shape}"
            )
        if self.labels.min() < 0 or self.labels.max() >= len(self.class_names):
            raise InputError(
                f"Labels of image set '{self.name}' must be between 0 and {len(self.class_names) - 1} (its number of "
                f"classes less one). Received: labels from {self.labels.min()} to {self.labels.max()}"
            )

    @classmethod
    def from_arrays(
        cls,
        name: str,
        images: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        class_names: Sequence[str] | None = None,
        ids: Sequence[str] | np.ndarray | None = None,
        origin: str = "",
    ) -> ImageSet:
        """A set over pixels held in memory.

        Args:
            name: see the class.
            images: uint8 [N, H, W], [N, H, W, 1] (gray, repeated to RGB when loaded) or [N, H, W, 3].
            labels: int [N], or bool [N, C].
            class_names: default "0", "1", ... up to the largest label.
            ids: default the position, "000000", "000001", ...
            origin: see the class.
        """
        if (
            images.dtype != np.uint8
            or images.ndim not in (3, 4)
            or (images.ndim == 4 and images.shape[3] not in (1, 3))
        ):
            raise ValueError(f"`images` must be uint8 [N, H, W(, 1 or 3)]. Received: {images.dtype} {images.shape}")
        images = images[..., None] if images.ndim == 3 else images
        if class_names is None:
            several = np.ndim(labels) == 2
            count = np.shape(labels)[1] if several else int(np.max(labels, initial=-1)) + 1
            class_names = [str(i) for i in range(count)]
        pixels = on_cpu(images)

        def load(row: tf.Tensor) -> tf.Tensor:
            image = tf.gather(pixels, row)
            return image if images.shape[3] == 3 else tf.repeat(image, 3, axis=2)

        return cls(
            name,
            [f"{i:06d}" for i in range(len(images))] if ids is None else ids,
            labels,
            class_names,
            ImageContents(load, sha256_rows([np.ascontiguousarray(image).tobytes() for image in images])),
            origin=origin,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        reduced_to = f", decoded for {self.decoded_for} px" if self.decoded_for else ""
        return f"ImageSet({self.name!r}, {len(self)} images, {self.num_classes} classes{reduced_to})"

    @property
    def loader(self) -> Loader:
        """Maps a scalar int32 row tensor to the image, see `load`."""
        return self.contents.loader

    @property
    def digests(self) -> np.ndarray:
        """SHA-256 of each image's content, uint8 [N, 32]."""
        return self.contents.digests

    @property
    def decoded_for(self) -> int | None:
        """The side images are decoded for (see `reduced`), None where they are decoded in full."""
        return self.contents.decoded_for

    @property
    def files(self) -> Sequence[Files]:
        """The lists of files that images are read from; of a subset those of the whole set."""
        return self.contents.files

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def truth(self) -> np.ndarray:
        """What is right for each image: int32 [N], or bool [N, C] where images may be of several classes."""
        return self.labels if self.label_matrix is None else self.label_matrix

    def label_text(self, row: int) -> str:
        """The name of an image's class, or the names of its classes with | between them; "" of an image without any."""
        if self.label_matrix is None:
            return self.class_names[int(self.labels[row])]
        return "|".join(self.class_names[c] for c in np.flatnonzero(self.label_matrix[row]))

    @property
    def class_counts(self) -> np.ndarray:
        """Images of each class, int64 [C]; one of several classes counts for each."""
        if self.label_matrix is not None:
            return self.label_matrix.sum(axis=0, dtype=np.int64)
        return np.bincount(self.labels, minlength=self.num_classes)

    def load(self, row: tf.Tensor) -> tf.Tensor:
        """The image at a scalar integer `row`: uint8 [H, W, 3]. Works eagerly and inside `tf.data`."""
        image = self.loader(tf.cast(row, tf.int32))
        image.set_shape([None, None, 3])
        return image

    def dataset(self, rows: Sequence[int] | np.ndarray | None = None) -> tf.data.Dataset:
        """Images in the order of `rows`, decoded in parallel.

        Args:
            rows: int [M], repeats allowed; None (default) is every row once, in order.

        Returns:
            A dataset of {"row": int32, "image": uint8 [H, W, 3] (sizes may differ), "label": int32}.
        """
        rows = self._rows(np.arange(len(self)) if rows is None else rows)

        def complete(row: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"row": row, "image": self.load(row), "label": tf.gather(self._label_tensor, row)}

        return untuned(
            tf.data.Dataset.from_tensor_slices(rows).map(
                complete, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
        )

    def subset(self, rows: Sequence[int] | np.ndarray, name: str | None = None) -> ImageSet:
        """The set of the given rows, in that order, with the same classes. Its row i is this set's `rows[i]`."""
        rows = self._rows(rows)
        return ImageSet(
            name or self.name,
            self.ids[rows],
            self.truth[rows],
            self.class_names,
            self.contents.take(rows),
            origin=self.origin,
            identities=self.identities[rows],
        )

    def relabeled(self, labels: np.ndarray, class_names: Sequence[str]) -> ImageSet:
        """The same images under other labels, int [N] or bool [N, C]."""
        return self._with(labels, class_names, self.contents)

    def reduced(self, side: int) -> ImageSet:
        """The same set, its large JPEG images decoded smaller by the decoder itself.

        Rows, ids, labels and fingerprint stay; `decoded_for` says that pixels differ. A JPEG image both of whose
        sides are at least 2 (4, 8) times `side` is decoded at a half (a quarter, an eighth) of its size; all other
        images stay as they are. It is meant for a `View` whose `resize` is `side`; `reduction.reduction_error`
        measures what it changes.

        Args:
            side: pixels, at least 1.
        """
        if side < 1:
            raise ValueError(f"`side` must be at least 1. Received: side={side}")
        smaller = copy.copy(self)
        smaller.contents = self.contents.reduced(side)
        return smaller

    def scaled(self, given: ValueRange) -> ImageSet:
        """The same set, its values of more than 8 bits scaled so that `given.low` is black and `given.high` white.

        Another fingerprint: these are other pixels. Sets in memory (npz, digits, ...) have 8 bits and show the same.
        """
        return self._with(self.truth, self.class_names, self.contents.scaled(given))

    def squared(self, aspect_ratio: str) -> ImageSet:
        """The same set, its wide and tall images cropped or padded to squares, see `square.squared`.

        Another fingerprint: these are other pixels, if there are such images.
        """
        return self._with(self.truth, self.class_names, self.contents.squared(aspect_ratio))

    def _with(self, labels: np.ndarray, class_names: Sequence[str], contents: ImageContents) -> ImageSet:
        return ImageSet(
            self.name, self.ids, labels, class_names, contents, origin=self.origin, identities=self.identities
        )

    def _rows(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        array = np.asarray(rows)
        if array.size == 0:
            array = array.astype(np.int32)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"`rows` must be one-dimensional integers. Received: {array.dtype} {array.shape}")
        if array.size and (array.min() < 0 or array.max() >= len(self)):
            raise ValueError(
                f"`rows` must be between 0 and {len(self) - 1}. Received: values from {array.min()} to {array.max()}"
            )
        return array.astype(np.int32)
