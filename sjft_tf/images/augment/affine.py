"""Rotation, shear and translation, drawn for the image and done in one resampling."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.augment.warp import check_warp, warp


def move(
    image: tf.Tensor,
    *,
    rotation: tf.Tensor | float = 0.0,
    shear: tf.Tensor | float = 0.0,
    shear_down: tf.Tensor | float = 0.0,
    right: tf.Tensor | float = 0.0,
    down: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    """Shears, then turns, then shifts an image about its center, bilinearly; mirrored continuation beyond its border.

    With `c` the center, a pixel at p comes from `c + D(-shear_down) S(-shear) R(-rotation) (p - shift - c)`.

    Args:
        image: float32 [H, W, 3].
        rotation: radians counterclockwise, as one sees it.
        shear: tangent of the angle by which upright lines lean: a point moves right by `shear` times its height below
            the center.
        shear_down: the same with the axes exchanged.
        right, down: pixels.

    Returns:
        float32 [H, W, 3].
    """
    size = tf.cast(tf.shape(image)[:2] - 1, tf.float32) / 2
    cos, sin = tf.cos(rotation), tf.sin(rotation)
    # Rows of the matrix that takes an output pixel back to where it comes from; y points down.
    x_x, x_y = cos - shear * sin, -sin - shear * cos
    y_x, y_y = sin - shear_down * x_x, cos - shear_down * x_y
    middle_x, middle_y = size[1] + right, size[0] + down
    x_0 = size[1] - x_x * middle_x - x_y * middle_y
    y_0 = size[0] - y_x * middle_x - y_y * middle_y
    entries = [x_x, x_y, x_0, y_x, y_y, y_0, 0.0, 0.0]
    return warp(image, tf.stack([tf.cast(entry, tf.float32) for entry in entries]))


@dataclasses.dataclass(frozen=True)
class RandomAffine:
    """A turn, a shear and a shift, each drawn uniformly to both sides.

    Args:
        rotation: largest angle, degrees in [0, 180].
        shear: largest angle by which upright lines lean, degrees in [0, 80].
        translation: largest shift along each axis as a share of the side, in [0, 1].

    Raises:
        InputError: out of range, or this installation has nothing to resample with.
    """

    rotation: float = 0.0
    shear: float = 0.0
    translation: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("rotation", 180), ("shear", 80), ("translation", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"`{name}` must be between 0 and {most}. Received: {name}={getattr(self, name)}")
        check_warp()

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `window.Change`."""
        drawn = tf.random.stateless_uniform([4], tf.random.experimental.stateless_fold_in(seed, 3), -1.0, 1.0)
        size = tf.cast(tf.shape(image)[:2], tf.float32)
        return move(
            image,
            rotation=math.radians(self.rotation) * drawn[0],
            shear=tf.tan(math.radians(self.shear) * drawn[1]),
            right=self.translation * size[1] * drawn[2],
            down=self.translation * size[0] * drawn[3],
        )
