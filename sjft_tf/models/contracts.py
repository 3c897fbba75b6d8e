"""What the networks ask of things that are made elsewhere: image sets, views, variables of either Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import tensorflow as tf


class ImageDataset(Protocol):
    """A set of images, such as `images.ImageSet`. One with a `fingerprint` is recognized when it is scored again."""

    def __len__(self) -> int: ...

    def dataset(self, rows: np.ndarray | None = None, /) -> tf.data.Dataset:
        """Elements with an "image", uint8 [H, W, 3], in the order of `rows` (default: all)."""
        ...


class ImageView(Protocol):
    """What the network sees of an image: uint8 [H, W, 3] -> float32 [crop, crop, 3]."""

    def __call__(self, image: tf.Tensor, /) -> tf.Tensor: ...


class SizedView(ImageView, Protocol):
    """One of some side, or several pictures [views, crop, crop, 3] of it, such as `images.View`."""

    @property
    def crop(self) -> int:
        """Side in pixels."""
        ...

    @property
    def views(self) -> int:
        """How many pictures it makes of an image."""
        ...


class FeatureBlocks(Protocol):
    """What makes features of images, such as `FeatureStream`."""

    @property
    def width(self) -> int:
        """F, of a picture."""
        ...

    @property
    def views(self) -> int:
        """V, pictures of an image."""
        ...

    def blocks(
        self, image_set: ImageDataset, rows: np.ndarray | None = None, /
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields `(rows int32 [n], features float32 [n, F])`, of several views [n, V, F], in the order of `rows`."""
        ...

    def saved(self) -> None:
        """What was yielded so far is safe and need not be given again."""


class Variable(Protocol):
    """A variable: `tf.Variable`, or the wrapper that Keras 3 puts around one."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tf.TensorShape | tuple[int, ...]: ...

    @property
    def dtype(self) -> tf.DType | str: ...

    def numpy(self) -> np.ndarray: ...

    def assign(self, value: np.ndarray | tf.Tensor, /) -> object: ...
