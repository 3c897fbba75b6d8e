"""A trunk that is applied to a whole image at once: its last maps, of any size."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.models.cutting import POOL
from sjft_tf.models.multi_view import sized_copy

_CLOSE = 1e-3  # of the largest value: kernels round differently for other shapes


def dense_maps(trunk: keras.Model) -> tuple[keras.Model, int] | None:
    """The trunk before its pooling, for images of any size, and its stride; None where it cannot be had.

    It is tried: the copy must give what the trunk gives on an image of its size, and one cell for every stride of
    pixels of a larger one. Trunks of tokens, with embeddings of positions, or that pool in more than one place do not.

    Args:
        trunk: from `build_trunk`, for images of S x S.

    Returns:
        `(maps, stride)`: from float32 [B, stride m, stride n, 3] to float32 [B, m, n, F], and pixels.

    Example:
        >>> maps, stride = dense_maps(build_trunk("MobileNetV2", 64))
        >>> maps(tf.zeros([1, 96, 160, 3])).shape, stride
        (TensorShape([1, 3, 5, 1280]), 32)
    """
    side = trunk.input.shape[1]
    if POOL not in {layer.name for layer in trunk.layers}:
        return None
    before = trunk.get_layer(POOL).input
    cells = before.shape[1] if len(before.shape) == 4 else None
    if cells is None or before.shape[2] != cells or side % cells:
        return None
    stride = side // cells
    try:
        maps = sized_copy(keras.Model(trunk.input, before), None)
        image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
        pooled = tf.reduce_mean(tf.cast(maps(image, training=False), tf.float32), [1, 2]).numpy()
        larger = maps(np.zeros((1, side + stride, side + 2 * stride, 3), np.float32), training=False).shape[1:3]
    except (ValueError, TypeError, tf.errors.OpError):
        return None
    wanted = trunk(image, training=False).numpy()
    alike = np.abs(pooled - wanted).max() <= _CLOSE * max(float(np.abs(wanted).max()), 1e-6)
    return (maps, stride) if alike and tuple(larger) == (cells + 1, cells + 2) else None
