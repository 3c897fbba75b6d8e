"""Cutout (DeVries & Taylor 2017, arXiv 1708.04552): a square of every training image is hidden."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.errors import InputError

FILL = 127.5
"""Gray in 0..255, which the paper's zero after normalization is about."""


def hide(image: tf.Tensor, row: tf.Tensor, column: tf.Tensor, side: int) -> tf.Tensor:
    """float32 [H, W, 3] with the square of `side` pixels around this pixel filled; what lies outside is cut off."""
    shape = tf.shape(image)

    def inside(middle: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        first = middle - side // 2
        return (tf.range(count) >= first) & (tf.range(count) < first + side)

    hidden = inside(row, shape[0])[:, None] & inside(column, shape[1])[None, :]
    return tf.where(hidden[:, :, None], FILL, image)


@dataclasses.dataclass(frozen=True)
class Cutout:
    """A square of `side` pixels around any pixel of the image, all equally likely, is gray.

    Raises:
        InputError: `side` is below 1.
    """

    side: int

    def __post_init__(self) -> None:
        if self.side < 1:
            raise InputError(f"`side` must be at least 1 pixel. Received: side={self.side}")

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `window.Change`."""
        drawn = tf.random.stateless_uniform([2], tf.random.experimental.stateless_fold_in(seed, 2))
        size = tf.shape(image)[:2]
        middle = tf.minimum(tf.cast(drawn * tf.cast(size, tf.float32), tf.int32), size - 1)
        return hide(image, middle[0], middle[1], self.side)
