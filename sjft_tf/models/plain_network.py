"""A plain network of five convolutions for small images, without shortcuts: what AlexNet is for large ones."""

from __future__ import annotations

import keras
import tensorflow as tf

_CHANNELS = (1, 2, 4, 4, 4)  # times the width
_POOLED = (1, 2, 4)  # layers with a pooling behind them: 32, 16, 8, 8, 4 px of an image of 32 px


def plain5(inputs: tf.Tensor, *, width: int = 16, batch_norm: bool = False) -> tf.Tensor:
    """Features of five 3x3 convolutions, each with ReLU, the first, second and fourth with 2x2 maximum pooling.

    Args:
        inputs: Keras tensor, float [N, S, S, 3], already scaled; S of 8 and more.
        width: channels of the first layer; the second has twice as many, the others four times.
        batch_norm: batch normalization between each convolution and its ReLU, which then has no bias of its own.

    Returns:
        Keras tensor, float [N, S // 8, S // 8, 4 * width].

    Example:
        >>> plain5(keras.Input((32, 32, 3)), width=8).shape[1:]
        (4, 4, 32)
    """
    x = inputs
    for number, factor in enumerate(_CHANNELS, start=1):
        name = f"conv{number}"
        x = keras.layers.Conv2D(
            factor * width, 3, padding="same", use_bias=not batch_norm, kernel_initializer="he_normal", name=name
        )(x)
        if batch_norm:
            x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        if number in _POOLED:
            x = keras.layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    return x
