"""Random crop, scale and mirror of training images, stateless in the seed, and whatever is to come after them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.sets.views import squash

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From float32 [S, S, 3] in 0..255 and a seed, int32 or int64 [2], to an image of the same kind."""


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
        changes: done to the window one after the other, with the image's seed. Default none.
    """

    resize: tuple[int, int]
    crop: int
    pad: int = 0
    mirror: bool = True
    changes: tuple[Change, ...] = ()

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
        choice = self.choose(tf.random.stateless_uniform([4], seed))
        return tf.cast(self.apply(image, choice, seed), tf.float32)

    def choose(self, drawn: tf.Tensor) -> tf.Tensor:
        """What is done to an image whose seed gives these numbers.

        Args:
            drawn: float32 [..., 4], uniform in [0, 1).

        Returns:
            int32 [..., 4]: side in pixels, first row and first column of the window, whether it is mirrored (0, 1).
        """
        low, high = self.resize

        def integer(position: int, count: int | tf.Tensor) -> tf.Tensor:
            # float32 rounding can carry u * count up to count itself
            return tf.minimum(tf.cast(drawn[..., position] * tf.cast(count, tf.float32), tf.int32), count - 1)

        side = low + integer(0, high - low + 1)
        choices = side + 2 * self.pad - self.crop + 1
        mirrored = tf.cast(drawn[..., 3] < 0.5, tf.int32) if self.mirror else tf.zeros_like(side)
        return tf.stack([side, integer(1, choices), integer(2, choices), mirrored], -1)

    def apply(self, image: tf.Tensor, choice: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The training image.

        Args:
            image: uint8 or float [H, W, 3].
            choice: int32 [4], from `choose`.
            seed: int32 or int64 [2], for `changes`.

        Returns:
            [crop, crop, 3] in 0..255: float32, or uint8 with the same values where an image whose size is known
            beforehand was only cut, which is cheaper to collect.
        """
        image = tf.convert_to_tensor(image)
        window = self._window(image, choice)
        if self.mirror:
            window = tf.cond(choice[3] > 0, lambda: tf.reverse(window, [1]), lambda: window)
        window = tf.ensure_shape(window, [self.crop, self.crop, 3])
        if self.changes:
            window = tf.cast(window, tf.float32)
        for change in self.changes:
            window = tf.ensure_shape(change(window, seed), [self.crop, self.crop, 3])
        return window

    def _window(self, image: tf.Tensor, choice: tf.Tensor) -> tf.Tensor:
        low, high = self.resize
        side = low if low == high else choice[0]
        if low == high and image.shape[:2] == (low, low):
            return self._cut(image, side, choice)
        # What has the right size is cut before it is converted.
        return tf.cond(
            tf.reduce_all(tf.shape(image)[:2] == side),
            lambda: tf.cast(self._cut(image, side, choice), tf.float32),
            lambda: self._cut(squash(image, side), side, choice),
        )

    def _cut(self, image: tf.Tensor, side: int | tf.Tensor, choice: tf.Tensor) -> tf.Tensor:
        top, left = choice[1], choice[2]
        if not self.pad:
            return image[top : top + self.crop, left : left + self.crop]
        # Whole rows are copied fast, so only the two strips beside the image are turned around; the padded image
        # itself is never made.
        last = side - 1
        rows = last - tf.abs(last - tf.abs(top - self.pad + tf.range(self.crop)))
        image = tf.gather(image, rows)
        strips = tf.reverse(image[:, 1 : self.pad + 1], [1]), tf.reverse(image[:, last - self.pad : last], [1])
        return tf.concat([strips[0], image, strips[1]], 1)[:, left : left + self.crop]
