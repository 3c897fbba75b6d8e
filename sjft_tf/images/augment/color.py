"""Color jitter: brightness, contrast, saturation and hue, each by a factor drawn for the image."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from sjft_tf.errors import InputError

_LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601, as Pillow's conversion to gray."""


def blend(image: tf.Tensor, other: tf.Tensor | float, factor: tf.Tensor | float) -> tf.Tensor:
    """`other + factor * (image - other)`, cut to 0..255: 1 leaves the image, 0 gives the other, above 1 exaggerates."""
    return tf.clip_by_value(other + factor * (image - other), 0.0, 255.0)


def gray(image: tf.Tensor) -> tf.Tensor:
    """Luminance, float32 [H, W, 1] of float32 [H, W, 3]."""
    return tf.reduce_sum(image * tf.constant(_LUMA), -1, keepdims=True)


def brightness(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Blended with black."""
    return blend(image, 0.0, factor)


def contrast(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Blended with the even gray of its mean luminance."""
    return blend(image, tf.reduce_mean(gray(image)), factor)


def saturation(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Blended with its own gray picture."""
    return blend(image, gray(image), factor)


def hue(image: tf.Tensor, turn: tf.Tensor | float) -> tf.Tensor:
    """Hues moved by this share of the color circle."""
    return tf.clip_by_value(tf.image.adjust_hue(image, turn), 0.0, 255.0)


@dataclasses.dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue in this order, those that are not 0.

    Args:
        brightness, contrast, saturation: largest deviation of the factor from 1, in [0, 1]; drawn uniformly.
        hue: largest turn as a share of the color circle, in [0, 0.5]; drawn uniformly to both sides.

    Raises:
        InputError: out of range.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("brightness", 1.0), ("contrast", 1.0), ("saturation", 1.0), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"`{name}` must be between 0 and {most}. Received: {name}={getattr(self, name)}")

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `window.Change`."""
        drawn = tf.random.stateless_uniform([4], tf.random.experimental.stateless_fold_in(seed, 1), -1.0, 1.0)
        if self.brightness:
            image = brightness(image, 1 + self.brightness * drawn[0])
        if self.contrast:
            image = contrast(image, 1 + self.contrast * drawn[1])
        if self.saturation:
            image = saturation(image, 1 + self.saturation * drawn[2])
        if self.hue:
            image = hue(image, self.hue * drawn[3])
        return image
