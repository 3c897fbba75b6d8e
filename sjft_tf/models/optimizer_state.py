"""An optimizer's variables as plain arrays, for exact continuation, whatever is wrapped around what."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.addons import parts_of
from sjft_tf.models.contracts import Variable


def build_optimizer(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    """Makes all variables of a fresh optimizer, which otherwise come with the first step."""
    parts = parts_of(optimizer)
    if parts is not None:
        for part, names in parts:
            _build(part, [v for v in model.trainable_variables if v.name in names])
        _ = optimizer.iterations
        return
    _build(optimizer, model.trainable_variables)


def optimizer_state(optimizer: keras.optimizers.Optimizer) -> dict[str, np.ndarray]:
    """All of the optimizer's variables (step count, momenta, ...) as arrays, keyed "000", "001", ... in order."""
    return {f"{i:03d}": np.array(v.numpy()) for i, v in enumerate(optimizer_variables(optimizer))}


def restore_optimizer_state(
    optimizer: keras.optimizers.Optimizer, model: keras.Model, state: Mapping[str, np.ndarray]
) -> None:
    """Gives a fresh optimizer the state of another, so that training `model` continues bit for bit.

    Args:
        optimizer: made by the same `make_optimizer` call as the one the state is from.
        model: the model it will train, with the same trainable variables in the same order.
        state: from `optimizer_state`.

    Raises:
        InputError: number, shape or type of the arrays differ from what this optimizer and model need.
    """
    build_optimizer(optimizer, model)
    variables = optimizer_variables(optimizer)
    arrays = [state[key] for key in sorted(state)]
    wanted = [(tuple(v.shape), tf.as_dtype(v.dtype).as_numpy_dtype) for v in variables]
    given = [(tuple(a.shape), a.dtype.type) for a in arrays]
    if wanted != given:
        at = next((i for i, (w, f) in enumerate(zip(wanted, given, strict=False)) if w != f), None)
        detail = "" if at is None else f"; first difference at {at}: {given[at]} there, {wanted[at]} here"
        raise InputError(
            f"This optimizer state is of another optimizer or model: it has {len(given)} arrays, "
            f"{len(wanted)} are expected{detail}. Use the settings the state was saved with, or start a new --workdir."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _build(optimizer: keras.optimizers.Optimizer, variables: list[Variable]) -> None:
    if getattr(optimizer, "built", False):  # Keras 3's loss scale would make its variables a second time
        return
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    elif hasattr(optimizer, "inner_optimizer"):  # Keras 2.15's loss scale
        _build(optimizer.inner_optimizer, variables)
    else:  # the older optimizer class TensorFlow Addons builds on
        optimizer._create_all_weights(variables)


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> list[Variable]:
    """All of the optimizer's variables in the order of `optimizer_state`."""
    parts = parts_of(optimizer)
    if parts is not None:
        return [optimizer.iterations, *(v for part, _ in parts for v in optimizer_variables(part))]
    if hasattr(optimizer, "inner_optimizer") and not hasattr(optimizer, "dynamic_scale"):
        # Keras 2.15's loss scale keeps its own variables apart.
        scale = optimizer._loss_scale
        return [scale._current_loss_scale, scale._counter, *optimizer_variables(optimizer.inner_optimizer)]
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)
