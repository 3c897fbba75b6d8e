"""Optimizers with the paper's coupled L2 penalty, and their state as plain arrays for exact continuation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.addons import make_addons_optimizer

OPTIMIZERS = ("sgd", "adam", "adamw")


class _CoupledL2:
    """Adds `l2 * w` to the gradient of every variable of rank 2 and more: kernels, not biases, gammas or betas.

    This is the L2 penalty of Caffe's `weight_decay`, which the paper trained with: it goes through the momentum and is
    scaled by the learning rate. Keras's own `weight_decay` argument shrinks weights beside the gradient (decoupled).
    """

    def __init__(self, *args: Any, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.l2 = float(l2)

    def update_step(self, gradient: Any, variable: Any, *args: Any) -> Any:
        """Keras 3 passes the learning rate as third argument, Keras 2.15 does not."""
        if self.l2 and len(variable.shape) >= 2:
            gradient = gradient + tf.cast(self.l2, gradient.dtype) * tf.cast(variable, gradient.dtype)
        return super().update_step(gradient, variable, *args)  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """The stock configuration and `l2`."""
        return {**super().get_config(), "l2": self.l2}  # type: ignore[misc]


@keras.saving.register_keras_serializable(package="sjft_tf")
class SGD(_CoupledL2, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with the argument `l2`: g = grad + l2 * w; v = momentum * v - rate * g; w = w + v."""


@keras.saving.register_keras_serializable(package="sjft_tf")
class Adam(_CoupledL2, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with the argument `l2`, added to the gradient before its moments are taken."""


def make_optimizer(
    name: str,
    schedule: Any,
    *,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
) -> Any:
    """The optimizer called `name`; the defaults are the paper's (section 4.1).

    Args:
        name: "sgd", "adam" (both with coupled L2), "adamw" (decoupled), or "tfa:NAME" for a TensorFlow Addons one.
        schedule: a learning rate, or a schedule from `make_schedule`.
        momentum: of "sgd" (and of those addons that take one), in [0, 1).
        weight_decay: at least 0; biases and the parameters of normalization are exempt. Addons optimizers apply it
            in their own manner, and those that have none ignore it.
        nesterov: of "sgd" (and of those addons that take it).

    Raises:
        InputError: unknown name, a number out of range, or "tfa:" without TensorFlow Addons.
    """
    if not 0.0 <= momentum < 1.0:
        raise InputError(f"`momentum` must be at least 0 and below 1. Received: momentum={momentum}")
    if weight_decay < 0:
        raise InputError(f"`weight_decay` must not be negative. Received: weight_decay={weight_decay}")
    if name.startswith("tfa:"):
        return make_addons_optimizer(
            name.removeprefix("tfa:"), schedule, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov
        )
    if name == "sgd":
        return SGD(schedule, momentum=float(momentum), nesterov=nesterov, l2=weight_decay)
    if name == "adam":
        return Adam(schedule, l2=weight_decay)
    if name == "adamw":
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return optimizer
    raise InputError(f"There is no optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}, or tfa:NAME")


def optimizer_state(optimizer: Any) -> dict[str, np.ndarray]:
    """All of the optimizer's variables (step count, momenta, ...) as arrays, keyed "000", "001", ... in order."""
    return {f"{i:03d}": np.array(v.numpy()) for i, v in enumerate(_variables(optimizer))}


def restore_optimizer_state(optimizer: Any, model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Gives a fresh optimizer the state of another, so that training `model` continues bit for bit.

    Args:
        optimizer: made by the same `make_optimizer` call as the one the state is from.
        model: the model it will train, with the same trainable variables in the same order.
        state: from `optimizer_state`.

    Raises:
        InputError: number, shape or type of the arrays differ from what this optimizer and model need.
    """
    if hasattr(optimizer, "build"):
        optimizer.build(model.trainable_variables)
    else:  # the older optimizer class TensorFlow Addons builds on
        optimizer._create_all_weights(model.trainable_variables)
    variables = _variables(optimizer)
    arrays = [state[key] for key in sorted(state)]
    wanted = [(tuple(v.shape), tf.as_dtype(v.dtype).as_numpy_dtype) for v in variables]
    found = [(tuple(a.shape), a.dtype.type) for a in arrays]
    if wanted != found:
        at = next((i for i, (w, f) in enumerate(zip(wanted, found, strict=False)) if w != f), None)
        detail = "" if at is None else f"; first difference at {at}: {found[at]} there, {wanted[at]} here"
        raise InputError(
            f"This optimizer state is of another optimizer or model: it has {len(found)} arrays, "
            f"{len(wanted)} are expected{detail}. Use the settings the state was saved with, or start a new --workdir."
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _variables(optimizer: Any) -> list[Any]:
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)
