"""Moving statistics of batch normalization made anew for the weights as they are, after very short training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.models.contracts import Variable


def recompute_statistics(model: keras.Model, batches: Iterable[tuple[tf.Tensor, Mapping[str, tf.Tensor]]]) -> int:
    """Sets every moving mean and variance to its average over `batches`, all seen with the present weights.

    A moving average looks back on weights that training has left; after few steps at a high rate it describes another
    network. The batches should be mixed as in training: statistics over target images alone cost 3 points of
    accuracy in a prototype, because the weights were trained under those of both domains.

    Args:
        model: a built model. Frozen layers keep their statistics; other weights are not touched, nor are the states
            of dropout layers.
        batches: `(images, labels)` as in training; at least one.

    Returns:
        How many layers were set; 0 where there is no batch normalization in training mode.
    """
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    if not layers:
        return 0
    others = [(v, v.numpy()) for v in model.non_trainable_variables if not _is_statistic(v, layers)]
    momenta = [layer.momentum for layer in layers]
    sums = [np.zeros(())] * len(layers)
    seen = 0
    try:
        for layer in layers:
            layer.momentum = 0.0  # the moving statistics are then those of the batch

        # Made here, so that it is traced with that momentum.
        @tf.function(reduce_retracing=True)
        def look(images: tf.Tensor) -> None:
            model(images, training=True)

        for images, *_ in batches:
            look(images)
            seen += 1
            sums = [
                total + np.array([_number(layer.moving_mean), _number(layer.moving_variance)])
                for total, layer in zip(sums, layers, strict=True)
            ]
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for variable, value in others:
            variable.assign(value)
    for layer, total in zip(layers, sums, strict=True):
        mean, variance = total / seen
        layer.moving_mean.assign(mean.astype(np.float32))
        layer.moving_variance.assign(variance.astype(np.float32))
    return len(layers)


def _number(variable: Variable) -> np.ndarray:
    return np.asarray(variable.numpy(), np.float64)


def _is_statistic(variable: Variable, layers: list[keras.layers.BatchNormalization]) -> bool:
    return any(variable is v for layer in layers for v in (layer.moving_mean, layer.moving_variance))
