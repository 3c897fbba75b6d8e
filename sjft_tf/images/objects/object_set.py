"""Images and the objects in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images.places.class_names import class_name
from sjft_tf.images.places.spec import Spec
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan


@dataclasses.dataclass(frozen=True)
class ObjectSet:
    """Images with any number of objects, each of one class.

    Args:
        images: the N pictures; their own labels mean nothing.
        class_names: the C class names, unique.
        rows: int32 [O], the image of each object, ascending.
        classes: int32 [O], its class.
        boxes: float32 [O, 4], x0, y0, x1, y1 in pixels of the upright image, x1 and y1 outside of the object; None
            where only the classes of an image are known.

    Example:
        >>> scenes = open_objects("scenes#train?n=20")
        >>> classes, boxes = scenes.objects(0)
        >>> scenes.present.shape
        (20, 20)
    """

    images: ImageSet
    class_names: tuple[str, ...]
    rows: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray | None

    def __post_init__(self) -> None:
        objects = len(self.rows)
        fits = len(self.classes) == objects and (self.boxes is None or self.boxes.shape == (objects, 4))
        if not fits or (np.diff(self.rows) < 0).any():
            raise ValueError("`rows` must be ascending, with as many `classes` and `boxes`")
        if not objects:
            raise InputError(f"'{self.name}' has no objects in its {len(self)} images. Expected at least one.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def name(self) -> str:
        """Short name for messages."""
        return self.images.name

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Digest of images, classes and boxes."""
        boxes = [] if self.boxes is None else [self.boxes]
        return artifacts.fingerprint(self.images.fingerprint, list(self.class_names), self.rows, self.classes, *boxes)

    @property
    def present(self) -> np.ndarray:
        """Bool [N, C], the classes that an image has."""
        there = np.zeros((len(self), self.num_classes), bool)
        there[self.rows, self.classes] = True
        return there

    def objects(self, row: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Classes int32 [n] and boxes float32 [n, 4] of one image."""
        first, last = np.searchsorted(self.rows, [row, row + 1])
        return self.classes[first:last], None if self.boxes is None else self.boxes[first:last]

    def subset(self, rows: np.ndarray, name: str) -> ObjectSet:
        """The images of these rows, int [M], ascending, with their objects, and the same classes."""
        kept = np.isin(self.rows, rows)
        boxes = None if self.boxes is None else self.boxes[kept]
        places = np.searchsorted(rows, self.rows[kept]).astype(np.int32)
        return ObjectSet(self.images.subset(rows, name), self.class_names, places, self.classes[kept], boxes)

    def aligned(self, class_names: Sequence[str]) -> ObjectSet:
        """The same objects with another list of classes, matched by name: a test set with those of the training set.

        Raises:
            InputError: an object is of none of them.
        """
        places = {class_name(name): place for place, name in enumerate(class_names)}
        found = [places.get(class_name(name)) for name in self.class_names]
        unknown = [name for name, place in zip(self.class_names, found, strict=True) if place is None]
        if unknown:
            raise InputError(
                f"{len(unknown)} class(es) of '{self.name}' are not in the training set, e.g. '{unknown[0]}'. Every "
                f"class to be tested must have training images (it has {len(class_names)} classes)."
            )
        renumbered = np.array(found, np.int32)[self.classes]
        return dataclasses.replace(self, class_names=tuple(class_names), classes=renumbered)


def by_image_labels(images: ImageSet) -> ObjectSet:
    """A set of labels alone: each image shows its class somewhere, or each of its classes."""
    used = np.flatnonzero(images.class_counts)
    matrix = images.label_matrix
    rows, labels = (np.arange(len(images)), images.labels) if matrix is None else np.nonzero(matrix)
    names = tuple(images.class_names[place] for place in used)
    return ObjectSet(images, names, rows.astype(np.int32), np.searchsorted(used, labels).astype(np.int32), None)


def classes_alone(reader: Callable[[Spec, FileScan], ObjectSet]) -> Callable[[Spec, FileScan], ImageSet]:
    """Opens a set with boxes as one whose images have several labels: the classes of their objects, each once."""

    def opened(spec: Spec, scan: FileScan) -> ImageSet:
        objects = reader(spec, scan)
        return objects.images.relabeled(objects.present, objects.class_names)

    return opened
