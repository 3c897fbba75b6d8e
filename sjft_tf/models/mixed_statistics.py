"""Batch normalization in training by a mixture of two statistics: the batch's and those a network starts with.

With few images, normalizing by the batch alone takes away from the first step on what the starting weights knew of how
activations lie, and the statistics of the starting network alone fit the weights less with every step. Between them
lies what was measured to be better than both (docs/evidence/batch_norm.md). Source images in a batch, whose statistics
are taken over both halves, had done a part of the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class StartStatistics(NamedTuple):
    """What a layer's batch statistics are mixed with.

    Attributes:
        share: of these in the mixture, above 0 and below 1.
        mean, variance: of each channel, float32 [C].
    """

    share: float
    mean: np.ndarray
    variance: np.ndarray


@tf.custom_gradient
def batch_moments(inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and plain variance of each channel of [N, H, W, C], float32 [C], by the fused kernel in both directions."""
    ones = tf.ones(inputs.shape[-1])
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=ones, offset=0 * ones, mean=0 * ones, variance=ones, epsilon=1e-3, is_training=True
    )
    mean, count = outputs.batch_mean, tf.cast(tf.size(inputs) // tf.size(ones), tf.float32)
    # The kernel reports the variance with Bessel's correction.
    variance = outputs.batch_variance * tf.math.divide_no_nan(count - 1.0, count)

    def gradient(of_mean: tf.Tensor, of_variance: tf.Tensor) -> tf.Tensor:
        return _affine(inputs, mean, 2.0 / count * of_variance, of_mean / count)

    return (mean, variance), gradient


def mixed_batch_norm(
    inputs: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, start: StartStatistics, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes by mean and variance of the mixture of the batch's distribution and the starting one.

    Args:
        inputs: [N, H, W, C], float32 or of 16 bits.
        scale, offset: float32 [C].
        start: what the batch's statistics are mixed with.
        epsilon: is added to the variance.

    Returns:
        `(outputs, mean, variance)`, the first as `inputs`, the others float32 [C], of the mixture.
    """
    batch_mean, batch_variance = batch_moments(inputs)
    ours, rest = start.share, 1.0 - start.share
    mean = ours * start.mean + rest * batch_mean
    variance = ours * (start.variance + tf.square(start.mean - mean))
    variance += rest * (batch_variance + tf.square(batch_mean - mean))
    factor = scale * tf.math.rsqrt(variance + epsilon)
    # Around the starting mean rather than zero: where means are large, nothing is lost in the difference.
    outputs = _affine(inputs, tf.constant(start.mean), factor, offset + (start.mean - mean) * factor)
    return outputs, mean, variance


def _affine(inputs: tf.Tensor, center: tf.Tensor, factor: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """(inputs - center) * factor + shift channel by channel, differentiable by inputs, factor and shift."""
    epsilon = 1e-3
    whole = tf.fill(tf.shape(center), 1.0 - epsilon)
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=factor, offset=shift, mean=center, variance=whole, epsilon=epsilon, is_training=False
    ).y
