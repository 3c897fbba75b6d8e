"""The small pre-activation ResNet for small images (He et al. 2016, "Identity Mappings in Deep Residual Networks")."""

from __future__ import annotations

import keras
import tensorflow as tf

from sjft_tf.catalog import check_form


def preact_resnet(inputs: tf.Tensor, *, depth: int = 20, width: int = 16) -> tf.Tensor:
    """Features of a CIFAR-style pre-activation ResNet: three stages of (depth - 2) / 6 residual units.

    Every unit is BN-ReLU-conv3x3 twice, added to an untouched shortcut; the second and third stage begin with
    stride 2, twice the channels, and a 1x1 projection as shortcut. BN-ReLU closes the last stage.

    Args:
        inputs: Keras tensor, float [N, S, S, 3], already scaled; S of 8 and more.
        depth: layers with weights on the longest path, 6n + 2: 8, 14, 20, 32, 56, 110, ...
        width: channels of the first stage (16 in the paper).

    Returns:
        Keras tensor, float [N, S/4, S/4, 4 * width].

    Raises:
        InputError: `depth` is not 6n + 2, or `width` is below 1.
    """
    check_form(depth, width)
    x = _conv(inputs, width, 3, 1, "stem_conv")
    for stage, channels in enumerate((width, 2 * width, 4 * width), start=1):
        for unit in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and unit == 1 else 1
            x = _unit(x, channels, stride, f"stage{stage}_unit{unit}")
    return _bn_relu(x, "final")


def _unit(x: tf.Tensor, channels: int, stride: int, name: str) -> tf.Tensor:
    active = _bn_relu(x, f"{name}_1")
    shortcut = x
    if x.shape[-1] != channels or stride > 1:
        # The projection sees the activated signal, so that the two branches of a stage's first unit start alike.
        shortcut = _conv(active, channels, 1, stride, f"{name}_projection")
    residual = _conv(active, channels, 3, stride, f"{name}_1_conv")
    residual = _conv(_bn_relu(residual, f"{name}_2"), channels, 3, 1, f"{name}_2_conv")
    return keras.layers.Add(name=f"{name}_add")([shortcut, residual])


def _bn_relu(x: tf.Tensor, name: str) -> tf.Tensor:
    x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _conv(x: tf.Tensor, channels: int, kernel: int, stride: int, name: str) -> tf.Tensor:
    return keras.layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
