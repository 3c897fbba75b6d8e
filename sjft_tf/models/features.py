"""What a frozen trunk makes of images: features as a stream, or on disk, so that memory does not grow with them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.errors import InputError
from sjft_tf.models.contracts import FeatureBlocks, ImageDataset, ImageView
from sjft_tf.models.scoring import LEAST_SHAPE
from sjft_tf.rounding import PANEL, independent_batch


class FeatureStream:
    """Features of images in batches of one shape; the forward pass is compiled once.

    An image's features depend neither on the images beside it nor on its position in a batch: before the first batch
    equal images are looked at, and where their features differ other batch sizes are tried (see `rounding`).

    Args:
        trunk: images float32 [B, S, S, 3] to features float32 [B, F].
        view: image uint8 [H, W, 3] -> float32 [S, S, 3]; `images.View`. One whose `views` V is above 1 gives
            [V, S, S, 3], each of which has features of its own.
        batch_size: most pictures a forward pass.

    Attributes:
        width: F.
        views: V.
    """

    def __init__(self, trunk: keras.Model, view: ImageView, batch_size: int = 128) -> None:
        self._view, self._most, self.width = view, batch_size, int(trunk.output.shape[-1])
        self.views = int(getattr(view, "views", 1))
        self._forward = tf.function(lambda images: trunk(images, training=False), reduce_retracing=True)
        self._sizes: dict[tuple[tuple[int, ...], int], int] = {}

    def _batch_size(self, shape: tuple[int, ...], most: int) -> int:
        """How many pictures of this shape [S, S, 3] a forward pass takes, `most` if those round alike everywhere."""
        if (shape, most) not in self._sizes:
            example = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
            sizes = sorted({most, *(n for n in (most // PANEL * PANEL, PANEL // 2) if 0 < n < most)}, reverse=True)
            self._sizes[shape, most] = independent_batch(
                lambda images: [self._forward(tf.constant(images))], example, sizes
            )
        return self._sizes[shape, most]

    def blocks(
        self, image_set: ImageDataset, rows: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields `(rows int32 [n], features float32 [n, F])`, of several views [n, V, F], in the order of `rows`.

        Args:
            image_set: an `images.ImageSet`.
            rows: int32 [M], or None (default): all.
        """
        wanted = np.arange(len(image_set), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
        views = image_set.dataset(wanted).map(
            lambda element: self._view(element["image"]), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        shape = tuple(views.element_spec.shape[-3:])
        # By the whole set, not the rows: a search that goes on after a kill asks for the rest and needs equal bits.
        most = min(self._most, max(LEAST_SHAPE, len(image_set) * self.views))
        filled, size = 0, self._batch_size(shape, most)
        for images in views.batch(max(1, size // self.views)).prefetch(2):
            count = int(images.shape[0])
            features = self._answers(tf.reshape(images, [-1, *shape]), size)
            parts = features if self.views == 1 else features.reshape(count, self.views, self.width)
            yield wanted[filled : filled + count], parts
            filled += count
        if filled != len(wanted):
            raise InputError(
                f"The image sets gave {filled} images where {len(wanted)} were expected. Check for bad images."
            )

    def saved(self) -> None:
        """See `FeatureBlocks`: here nothing waits for it."""

    def _answers(self, pictures: tf.Tensor, size: int) -> np.ndarray:
        """float32 [N, F] of pictures [N, S, S, 3]."""
        # All batches have one shape: kernels round differently for different ones.
        count = int(pictures.shape[0])
        padded = tf.pad(pictures, [[0, -count % size], [0, 0], [0, 0], [0, 0]])
        answers = [self._forward(padded[i : i + size]).numpy() for i in range(0, count, size)]
        return (answers[0] if len(answers) == 1 else np.concatenate(answers))[:count]


Elsewhere = Callable[[FeatureStream], FeatureBlocks]
"""From a stream of this process to one whose features are made in others, and are the same."""


def trunk_features(
    trunk: keras.Model,
    image_sets: Sequence[ImageDataset],
    view: ImageView,
    folder: Path,
    batch_size: int = 128,
    elsewhere: Elsewhere | None = None,
) -> np.ndarray:
    """The features of all images of all sets, one set after the other.

    Args:
        trunk, view, batch_size: see `FeatureStream`.
        image_sets: `images.ImageSet`s.
        folder: where the file lies that holds them; it has no name and goes with the process.
        elsewhere: who makes them in place of this process; None (default): nobody.

    Returns:
        float32 [N, F], memory-mapped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total, filled = sum(map(len, image_sets)), 0
    local = FeatureStream(trunk, view, batch_size)
    stream = local if elsewhere is None else elsewhere(local)
    with tempfile.TemporaryFile(dir=folder) as file, progress.bar(total, "Features") as shown:
        matrix = np.memmap(file, np.float32, "w+", shape=(total, stream.width))
        for image_set in image_sets:
            for rows, features in stream.blocks(image_set):
                matrix[filled : filled + len(rows)] = features
                filled += len(rows)
                shown.update(len(rows))
    stream.saved()
    return matrix
