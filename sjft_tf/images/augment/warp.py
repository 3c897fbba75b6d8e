"""Resampling under an affine map: `tfa.image` on the addons stack, `keras.ops.image` on the current one."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Protocol

import keras
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError


def warp(image: tf.Tensor, transform: tf.Tensor) -> tf.Tensor:
    """An image each of whose pixels is taken from elsewhere, bilinearly; beyond its border it continues mirrored.

    Args:
        image: float32 [H, W, 3].
        transform: float32 [8], (a0, a1, a2, b0, b1, b2, 0, 0): the pixel at column x and row y is the one at column
            a0 x + a1 y + a2 and row b0 x + b1 y + b2.

    Returns:
        float32 [H, W, 3].
    """
    return _resampler()(image, transform)


def check_warp() -> None:
    """Raises InputError where this installation has nothing to resample with."""
    _resampler()


@functools.cache
def _resampler() -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    if KERAS_3:
        return functools.partial(
            keras.ops.image.affine_transform,
            interpolation="bilinear",
            fill_mode="reflect",
            data_format="channels_last",
        )
    addons = _addons_images()
    return functools.partial(addons.transform, interpolation="bilinear", fill_mode="reflect")


class _AddonsImages(Protocol):
    """What is used of `tfa.image`."""

    def transform(
        self, images: tf.Tensor, transforms: tf.Tensor, interpolation: str, *, fill_mode: str
    ) -> tf.Tensor: ...


def _addons_images() -> _AddonsImages:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TFA announces its end of life at import
            return importlib.import_module("tensorflow_addons").image
    except ImportError as error:
        raise InputError(
            "--rotation, --shear, --translation and --randaugment need TensorFlow Addons beside Keras 2.15: "
            f"pip install 'sjft_tf[addons]'. ({error})"
        ) from error
