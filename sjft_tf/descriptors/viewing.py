"""Images as a filter bank sees them: through one view, in batches, decoded ahead of the consumer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf


class DescribedImages(Protocol):
    """What is needed of an `images.ImageSet` here.

    Attributes:
        name: short, for messages.
        fingerprint: digest of everything that decides the images.
        decoded_for: the side that images are decoded for, None where they are decoded in full.
    """

    name: str
    fingerprint: str

    @property
    def decoded_for(self) -> int | None: ...

    def __len__(self) -> int: ...

    def dataset(self, rows: Sequence[int] | np.ndarray | None = None) -> tf.data.Dataset:
        """`{"row": int32, "image": [H, W, 3], ...}` in the order of `rows`; None for all."""
        ...


class DescriptorView(Protocol):
    """What is needed of an `images.View` here: the part of an image that the filters see."""

    @property
    def resize(self) -> int:
        """Side of the square that an image is brought to, pixels."""
        ...

    @property
    def crop(self) -> int:
        """Side of what is cut out of it, pixels."""
        ...

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """[H, W, 3] -> float32 [crop, crop, 3]."""
        ...


def view_stamp(view: DescriptorView) -> list[int]:
    """A view in the stamps of what was made through it."""
    return [int(view.resize), int(view.crop)]


def image_batches(
    image_set: DescribedImages, view: DescriptorView, rows: np.ndarray | None = None, batch_size: int = 64
) -> tf.data.Dataset:
    """Viewed images in batches, decoded and viewed ahead of the consumer.

    Args:
        image_set: where the images come from.
        view: turns a decoded image into float32 [crop, crop, 3].
        rows: int32 [n], which images in which order; None for all.
        batch_size: images a batch; the last one may be smaller.

    Returns:
        A tf.data.Dataset of `(rows int32 [n], images float32 [n, crop, crop, 3])`.
    """
    return (
        image_set.dataset(rows)
        .map(lambda item: (item["row"], view(item["image"])), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(2)
    )
