"""Wide and tall images as squares, which is what every view begins with: squashed, cropped or padded."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.catalog import ASPECT_RATIOS, SQUASH
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.sets.loaders import Loader, reduced, scaled

LONGEST_PADDED = 8000
"""Pixels; a longer image is shrunk before it is padded, or one of 1 x 64,000,000 would take 64,000,000 squared."""


def squared(image: tf.Tensor, aspect_ratio: str) -> tf.Tensor:
    """Brings one image to a square that shows it undistorted, in its own resolution; works inside a graph.

    What is padded has, on each of the two sides, the mean color of the edge it adjoins, in whole gray levels: filters
    find no hard border, and the statistics of a batch stay those of its images. An odd pixel is cropped or added at the
    bottom or on the right.

    Args:
        image: uint8 or float [H, W, 3] in 0..255.
        aspect_ratio: "crop" and "pad" as in Keras's `crop_to_aspect_ratio` and `pad_to_aspect_ratio`; "squash" leaves
            the image as it is, for a view to squash.

    Returns:
        [S, S, 3] of the same type; S is the shorter side with "crop", the longer with "pad" (at most `LONGEST_PADDED`).

    Raises:
        InputError: another `aspect_ratio`.

    Example:
        >>> squared(tf.zeros([20, 30, 3], tf.uint8), "pad").shape
        TensorShape([30, 30, 3])
    """
    if aspect_ratio not in ASPECT_RATIOS:
        raise InputError(f"`aspect_ratio` must be one of {', '.join(ASPECT_RATIOS)}. Received: {aspect_ratio!r}")
    image = tf.convert_to_tensor(image)
    height, width = image.shape[:2]
    if aspect_ratio == SQUASH or (height is not None and height == width):
        return image
    return tf.ensure_shape(_cropped(image) if aspect_ratio == "crop" else _padded(image), [None, None, 3])


def _cropped(image: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(image)[:2]
    side = tf.reduce_min(shape)
    top, left = tf.unstack((shape - side) // 2)
    return image[top : top + side, left : left + side]


def _padded(image: tf.Tensor) -> tf.Tensor:
    image = _shrunk(image)
    height, width = tf.unstack(tf.shape(image)[:2])
    cases = [(height == width, lambda: image), (height < width, lambda: _filled(image, 0))]
    return tf.case(cases, lambda: _filled(image, 1))


def _filled(image: tf.Tensor, axis: int) -> tf.Tensor:
    """The image with what it lacks along `axis`, which is its shorter one."""
    length, side = tf.shape(image)[axis], tf.shape(image)[1 - axis]

    def strip(edge: tf.Tensor, thickness: tf.Tensor) -> tf.Tensor:
        # Sums of whole numbers this small are exact, whatever the order that a kernel adds them in.
        total = tf.reduce_sum(tf.cast(edge, tf.float32), axis=[0, 1])
        color = tf.cast(tf.floor(total / tf.cast(side, tf.float32) + 0.5), image.dtype)
        return tf.broadcast_to(color, tf.stack([thickness, side, 3] if axis == 0 else [side, thickness, 3]))

    before = (side - length) // 2
    first, last = tf.gather(image, [0], axis=axis), tf.gather(image, [length - 1], axis=axis)
    return tf.concat([strip(first, before), image, strip(last, side - length - before)], axis)


def _shrunk(image: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(image, tf.int64)[:2]
    longest = tf.reduce_max(shape)

    def smaller() -> tf.Tensor:
        size = tf.maximum((shape * LONGEST_PADDED + longest // 2) // longest, 1)
        return tf.cast(tf.round(tf.image.resize(image, tf.cast(size, tf.int32), antialias=True)), image.dtype)

    return tf.cond(longest > LONGEST_PADDED, smaller, lambda: image)


@dataclasses.dataclass(frozen=True)
class SquaredImages:
    """The images of another loader as squares, see `squared`."""

    loader: Loader
    aspect_ratio: str

    def __call__(self, row: tf.Tensor) -> tf.Tensor:
        return squared(self.loader(row), self.aspect_ratio)

    def reduced(self, side: int) -> SquaredImages:
        return dataclasses.replace(self, loader=reduced(self.loader, side))

    def scaled(self, given: ValueRange) -> SquaredImages:
        return dataclasses.replace(self, loader=scaled(self.loader, given))
