"""The deterministic view of an image that descriptors, evaluation and the exported model use."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.errors import InputError


def squash(image: tf.Tensor, side: int | tf.Tensor) -> tf.Tensor:
    """Resizes uint8 or float [H, W, 3] to float32 [side, side, 3] without keeping the aspect ratio.

    Bilinear, with antialiasing when shrinking. An image of that size already is only converted.
    """
    image = tf.convert_to_tensor(image)
    shape = tf.shape(image)
    size = tf.stack([side, side])

    def resized() -> tf.Tensor:
        # Antialiasing is another, slower kernel, equal to this one when nothing shrinks.
        return tf.cond(
            tf.reduce_any(shape[:2] > size),
            lambda: tf.image.resize(image, size, antialias=True),
            lambda: tf.image.resize(image, size),
        )

    result = tf.cond(tf.reduce_all(shape[:2] == size), lambda: tf.cast(image, tf.float32), resized)
    known = side if isinstance(side, int) else None
    return tf.ensure_shape(result, [known, known, 3])


@dataclasses.dataclass(frozen=True)
class View:
    """Squash to a square, then cut out its center (paper section 4.2: resize 256, crop 224).

    Args:
        resize: side of the square, pixels.
        crop: side of the central window, pixels; at most `resize`.
    """

    resize: int
    crop: int

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise InputError(f"`crop` must be between 1 and `resize`. Received: crop={self.crop}, resize={self.resize}")

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] in 0..255 to float32 [crop, crop, 3] in 0..255."""
        square = squash(image, self.resize)
        first = (self.resize - self.crop) // 2
        return square[first : first + self.crop, first : first + self.crop]
