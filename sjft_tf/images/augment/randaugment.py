"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719): N operations of one magnitude, drawn anew for every image."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.augment import color, tones
from sjft_tf.images.augment.affine import move
from sjft_tf.images.augment.warp import check_warp

LARGEST = 10.0
"""The magnitude at which every operation is as strong as AutoAugment's ranges allow."""

Operation = Callable[[tf.Tensor, float, tf.Tensor], tf.Tensor]
"""From float32 [H, W, 3] in 0..255, a strength in [0, 1] and a sign (float32, -1 or 1) to an image of the same kind."""

_TURN, _SHEAR, _SHIFT = 0.5235988, 0.3, 0.45  # 30 degrees; tangent; share of the side (AutoAugment's 150 of 331)


def _identity(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return image


def _rotate(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return move(image, rotation=sign * strength * _TURN)


def _shear_x(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return move(image, shear=sign * strength * _SHEAR)


def _shear_y(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return move(image, shear_down=sign * strength * _SHEAR)


def _translate_x(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return move(image, right=sign * strength * _SHIFT * tf.cast(tf.shape(image)[1], tf.float32))


def _translate_y(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return move(image, down=sign * strength * _SHIFT * tf.cast(tf.shape(image)[0], tf.float32))


def _enhance(change: Callable, image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return change(image, 1 + 0.9 * strength * sign)


def _solarize(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return tones.solarize(image, 256 * (1 - strength))


def _posterize(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return tones.posterize(image, 8 - round(4 * strength))


def _autocontrast(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return tones.autocontrast(image)


def _equalize(image: tf.Tensor, strength: float, sign: tf.Tensor) -> tf.Tensor:
    return tones.equalize(image)


OPERATIONS: dict[str, Operation] = {
    "identity": _identity,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": functools.partial(_enhance, color.saturation),
    "posterize": _posterize,
    "contrast": functools.partial(_enhance, color.contrast),
    "brightness": functools.partial(_enhance, color.brightness),
    "sharpness": functools.partial(_enhance, tones.sharpness),
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
"""The paper's fourteen."""


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """`count` of the `OPERATIONS` one after the other, drawn with replacement, all of one magnitude.

    Args:
        count: N, at least 1.
        magnitude: M in [0, 10]; directions are drawn.

    Raises:
        InputError: out of range, or this installation has nothing to resample with.
    """

    count: int
    magnitude: float

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.magnitude <= LARGEST:
            raise InputError(
                f"`count` must be at least 1 and `magnitude` between 0 and {LARGEST:g}. "
                f"Received: count={self.count}, magnitude={self.magnitude}"
            )
        check_warp()

    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `window.Change`."""
        seed = tf.random.experimental.stateless_fold_in(seed, 4)
        chosen = tf.random.stateless_uniform([self.count], seed, 0, 2 * len(OPERATIONS), tf.int32)
        shape = image.shape
        for number in range(self.count):
            operation, sign = chosen[number] // 2, tf.cast(chosen[number] % 2 * 2 - 1, tf.float32)
            calls = [functools.partial(one, image, self.magnitude / LARGEST, sign) for one in OPERATIONS.values()]
            image = tf.ensure_shape(tf.switch_case(operation, calls), shape)
        return image
