"""Batch normalization that runs TensorFlow's fused op on both stacks, with a momentum fitted to the run's length.

Keras 3 computes batch normalization from elementwise ops; TensorFlow's fused kernel gives the same numbers and
trains a small MobileNetV2 1.4 to 2.2 times as fast on a CPU (benchmarks/batch_norm.py). Keras 2.15 calls the fused
kernel itself.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models.mixed_statistics import StartStatistics, mixed_batch_norm

_FUSED_DTYPES = (tf.float32, tf.float16, tf.bfloat16)


# The class carries the stock name because `.weights.h5` files are keyed by it: this way the weights of a replaced
# model load into the stock model, and the other way round, on both stacks.
@keras.saving.register_keras_serializable(package="sjft_tf", name="FusedBatchNormalization")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` computed by `FusedBatchNormV3` where that kernel applies.

    It applies to unmasked rank-4 inputs, channels last, without renorm or cross-replica synchronization;
    everything else goes to the stock layer. Weights, arguments, frozen behavior and results are the stock
    layer's. The kernel reports the variance with Bessel's correction, n / (n - 1); on Keras 3 it is taken out
    again before it enters the moving average, because the stock layer averages the plain batch variance.
    Keras 2.15 averages the corrected one, and there the stock code runs.

    Attributes:
        start: what the statistics of a batch are mixed with in training, see `mix_start_statistics`; None: nothing.
    """

    start: StartStatistics | None = None

    @tf.autograph.experimental.do_not_convert  # Keras 2.15 would rewrite it, and keep the frames of all callers
    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Normalizes float [N, H, W, C] to the same shape and dtype; arguments as in the stock layer."""
        applies = mask is None and self._kernel_applies(inputs)
        if applies and self.start is not None and training and self.trainable:
            return self._call_mixed(inputs, self.start)
        if not (applies and KERAS_3):
            return super().call(inputs, training=training, mask=mask)
        mean = tf.convert_to_tensor(self.moving_mean)
        variance = tf.convert_to_tensor(self.moving_variance)
        batch_statistics = bool(training) and self.trainable
        # FusedBatchNormV3 itself would average the statistics for us, but with Bessel's correction.
        outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones_like(mean),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros_like(mean),
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=batch_statistics,
        )
        if batch_statistics:
            count = tf.cast(tf.size(inputs) // tf.size(mean), variance.dtype)
            self._average(batch_mean, batch_variance * tf.math.divide_no_nan(count - 1.0, count))
        return outputs

    def _call_mixed(self, inputs: tf.Tensor, start: StartStatistics) -> tf.Tensor:
        ones = tf.ones(inputs.shape[-1])
        scale = tf.convert_to_tensor(self.gamma) if self.scale else ones
        offset = tf.convert_to_tensor(self.beta) if self.center else tf.zeros_like(ones)
        outputs, mean, variance = mixed_batch_norm(inputs, scale, offset, start, self.epsilon)
        self._average(mean, variance)
        return outputs

    def _average(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        momentum = self.momentum
        for moving, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(tf.convert_to_tensor(moving) * momentum + seen * (1.0 - momentum))

    def _kernel_applies(self, inputs: tf.Tensor) -> bool:
        return (
            len(inputs.shape) == 4
            and np.ravel(self.axis).tolist() in ([-1], [3])  # a list on Keras 2.15
            and inputs.dtype in _FUSED_DTYPES
            and self.moving_mean.dtype == "float32"
            and not getattr(self, "renorm", False)
            and not getattr(self, "synchronized", False)
        )


FusedBatchNormalization = BatchNormalization


def replace_batch_norm(model: keras.Model, momentum: float | None = None) -> keras.Model:
    """The same model with the same weights and fused batch normalization in every place of a stock one.

    Args:
        model: a functional model; nested functional models are followed. Do not use it afterwards: on Keras 2.15,
            whose layers are fused already, it is the model returned, its layers now of this class.
        momentum: of every moving average, in [0, 1); None keeps each layer's own.

    Returns:
        The model to use from here on; layer names, and outputs to about 1e-5, are those of `model`.

    Raises:
        InputError: `momentum` is out of range.
    """
    if momentum is not None and not 0.0 <= momentum < 1.0:
        raise InputError(f"`momentum` of batch normalization must be at least 0 and below 1. Received: {momentum}")
    if not KERAS_3:
        for layer in model._flatten_layers(include_self=False):
            if type(layer) is keras.layers.BatchNormalization:
                layer.__class__ = BatchNormalization  # has no state of its own, and a clone would take seconds
            if momentum is not None and isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = momentum
        return model

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.Model):
            return replace_batch_norm(layer, momentum)
        config = layer.get_config()
        if not isinstance(layer, keras.layers.BatchNormalization):
            return type(layer).from_config(config)
        if momentum is not None:
            config["momentum"] = momentum
        return BatchNormalization.from_config(config)

    replaced = keras.models.clone_model(model, clone_function=clone)
    # Parents come before their children here: setting a model's flag sets those of all it contains.
    for old, new in zip(model._flatten_layers(), replaced._flatten_layers(), strict=True):
        new.trainable = old.trainable
    for old, new in zip(model.layers, replaced.layers, strict=True):
        copy_weights(old, new)
    return replaced


def copy_weights(old: keras.layers.Layer, new: keras.layers.Layer) -> None:
    """Gives a layer the weights of one with the same variables."""
    new.set_weights(old.get_weights())
    if isinstance(new, keras.layers.Normalization):
        new.finalize_state()  # it computes with tensors made at build time, which set_weights does not refresh


def mix_start_statistics(trunk: keras.Model, share: float) -> int:
    """From here on batch normalization in training goes by a mixture of each batch and what the trunk is now.

    To be called with the starting weights in the trunk. Layers that have seen no image yet, whose moving statistics are
    those they are built with, go by the batch alone, and so do frozen ones and others than of images. Moving
    averages are taken of the mixture; in inference nothing changes.

    Args:
        trunk: as `replace_batch_norm` returns it.
        share: of the starting statistics, at least 0 and below 1; 0 undoes it.

    Returns:
        How many layers mix.

    Raises:
        InputError: `share` is out of range.
    """
    if not 0.0 <= share < 1.0:
        raise InputError(f"`share` of the starting statistics must be at least 0 and below 1. Received: {share}")
    layers = [layer for layer in trunk._flatten_layers(include_self=False) if isinstance(layer, BatchNormalization)]
    for layer in layers:
        mean, variance = (np.asarray(v.numpy(), np.float32) for v in (layer.moving_mean, layer.moving_variance))
        fresh = not mean.any() and (variance == 1).all()
        layer.start = None if fresh or not share else StartStatistics(share, mean, variance)
    return sum(layer.start is not None for layer in layers)


def momentum_for_run(steps: int) -> float:
    """The momentum of batch normalization's moving averages suited to a run of `steps` training steps.

    A moving average with momentum m looks back over about 1 / (1 - m) steps. It must be long enough to average
    out single batches, and short against the run, or the statistics used at the end are those of weights long
    gone: MobileNet's own 0.999 looks back 1000 steps and cost half of the accuracy of a 1500-step run, where 0.95
    (20 steps, 1/75 of the run) was measured to be good. So the look-back is that share of the run, `steps / 75`,
    kept between 10 steps (m = 0.9) and 100 steps (m = 0.99, Keras's default): m = 1 - 75 / steps, clipped.

    Args:
        steps: training steps of the whole run, all rounds together; at least 1.

    Raises:
        InputError: `steps` is below 1.
    """
    if steps < 1:
        raise InputError(f"`steps` must be at least 1. Received: steps={steps}")
    return min(0.99, max(0.9, 1.0 - 75.0 / steps))
