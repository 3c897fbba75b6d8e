"""The sizes of a network's weights, stage by stage: where training changes it, and where weight decay shrinks it."""

from __future__ import annotations

import math

import keras
import numpy as np


def weight_norms(model: keras.Model) -> dict[str, float]:
    """L2 norm of all kernels of each stage of the trunk and of each head.

    A stage is the layers whose maps are about as much smaller than the image: `trunk_stride_4` has a quarter of its
    side. Biases and normalizations do not count.

    Args:
        model: a built Keras model with one image input [N, S, S, 3].

    Returns:
        `{"trunk_stride_2": ..., "target_head": ...}`, in the model's order.
    """
    side = model.inputs[0].shape[1]
    squares: dict[str, float] = {}
    stride = 1
    for layer in model.layers:
        shape: tuple[int | None, ...] = tuple(getattr(layer.output, "shape", ()))
        # Maps of one pixel within a network are gates (squeeze and excitation), not a stage.
        if len(shape) == 4 and shape[1] and shape[1] > 1:
            stride = 2 ** round(math.log2(max(1.0, side / shape[1])))
        kernels = [v for v in layer.trainable_weights if len(v.shape) > 1]
        if kernels:
            name = layer.name if layer.name.endswith("_head") else f"trunk_stride_{stride}"
            added = sum(float(np.square(np.asarray(v, np.float64)).sum()) for v in kernels)
            squares[name] = squares.get(name, 0.0) + added
    return {name: math.sqrt(value) for name, value in squares.items()}
