"""Random crop, scale and mirror of training images, stateless in the seed."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.views import squash


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Squash-resize to a random side, pad by reflection, cut a random window, mirror half of the time.

    The paper's recipe is `Augmentation(resize=(256, 480), crop=224)`; a shift by up to 8 pixels at 64 is
    `Augmentation(resize=(64, 64), crop=64, pad=8)`. The result depends on image and seed only, so a training
    run can be taken up at any step.

    Args:
        resize: lowest and highest side in pixels, both included; drawn uniformly.
        crop: side of the window, pixels.
        pad: pixels added on every side by reflection before the window is cut. Default 0.
        mirror: flip left-right with probability 1/2. Default True.
    """

    resize: tuple[int, int]
    crop: int
    pad: int = 0
    mirror: bool = True

    def __post_init__(self) -> None:
        low, high = self.resize
        if not 1 <= low <= high:
            raise InputError(f"`resize` must be two sides, 1 <= low <= high. Received: resize={self.resize}")
        if not 0 <= self.pad < low:
            raise InputError(
                f"`pad` must be at least 0 and below the lowest side (reflection has no more pixels to show). "
                f"Received: pad={self.pad}, resize={self.resize}"
            )
        if not 1 <= self.crop <= low + 2 * self.pad:
            raise InputError(
                f"`crop` must be between 1 and the lowest side plus padding on both sides. "
                f"Received: crop={self.crop}, resize={self.resize}, pad={self.pad}"
            )

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] and a seed, int32 or int64 [2], to float32 [crop, crop, 3]."""
        low, high = self.resize
        drawn = tf.random.stateless_uniform([4], seed)

        def integer(position: int, count: int | tf.Tensor) -> tf.Tensor:
            # float32 rounding can carry u * count up to count itself
            return tf.minimum(tf.cast(drawn[position] * tf.cast(count, tf.float32), tf.int32), count - 1)

        side = low if low == high else low + integer(0, high - low + 1)
        image = squash(image, side)
        if self.pad:
            image = tf.pad(image, [[self.pad, self.pad], [self.pad, self.pad], [0, 0]], mode="REFLECT")
        choices = side + 2 * self.pad - self.crop + 1
        top, left = integer(1, choices), integer(2, choices)
        window = image[top : top + self.crop, left : left + self.crop]
        if self.mirror:
            window = tf.cond(drawn[3] < 0.5, lambda: tf.reverse(window, [1]), lambda: window)
        return tf.ensure_shape(window, [self.crop, self.crop, 3])
