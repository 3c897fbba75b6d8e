"""Optimizers with the paper's coupled L2 penalty, L2 toward the starting weights, and rates of single layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.catalog import check_optimizer
from sjft_tf.errors import InputError
from sjft_tf.models.addons import Rate, make_addons_optimizer
from sjft_tf.models.contracts import Variable


class _Regularized:
    """Adds weight decay to every variable of rank 2 and more (kernels, not biases, gammas or betas), and layer rates.

    The penalty is `l2 / 2 * |w|^2`, or `l2_sp / 2 * |w - start|^2` for variables that were given a start (L2-SP:
    Li, Grandvalet & Davoine 2018, equation 3). Coupled, its gradient is added to the loss's: Caffe's `weight_decay`,
    which the paper trained with; it goes through the momentum. Decoupled, it shrinks the weights beside the
    gradient by `rate * l2 * w` (Loshchilov & Hutter 2019).
    """

    def __init__(self, *args: Any, l2: float = 0.0, decoupled: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.l2, self.decoupled, self.l2_sp = float(l2), bool(decoupled), 0.0
        self._starts: dict[str, tf.Variable] = {}
        self._factors: dict[str, float] = {}

    def pull_to_start(self, l2_sp: float, starts: Iterable[tuple[Variable, tf.Variable]]) -> None:
        """Gives variables their starting values: `(variable, start)`; the penalty is then on the way from there."""
        self.l2_sp = float(l2_sp)
        self._starts = {self._var_key(variable): start for variable, start in starts}  # type: ignore[attr-defined]

    def scale_rates(self, factors: Iterable[tuple[Variable, float]]) -> None:
        """Gives variables a factor of their own on the learning rate: `(variable, factor)`. Keras 3 only."""
        self._factors = {self._var_key(variable): factor for variable, factor in factors}  # type: ignore[attr-defined]

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, *rate: tf.Tensor) -> tf.Operation | None:
        """Keras 3 passes the learning rate as third argument, Keras 2.15 does not."""
        key = self._var_key(variable)  # type: ignore[attr-defined]
        if rate and (factor := self._factors.get(key, 1.0)) != 1.0:
            rate = (rate[0] * factor,)
        if (pull := self._pull(variable, key)) is not None:
            if self.decoupled:
                learning_rate = tf.cast(rate[0] if rate else self.learning_rate, variable.dtype)  # type: ignore[attr-defined]
                variable.assign_sub(learning_rate * pull)
            else:
                gradient = gradient + tf.cast(pull, gradient.dtype)
        return super().update_step(gradient, variable, *rate)  # type: ignore[misc]

    def _pull(self, variable: tf.Variable, key: str) -> tf.Tensor | None:
        if len(variable.shape) < 2:
            return None
        if key in self._starts:
            return self.l2_sp * (variable - tf.cast(self._starts[key], variable.dtype))
        return self.l2 * variable if self.l2 else None

    def get_config(self) -> dict[str, Any]:
        """The stock configuration, `l2` and `decoupled`."""
        return {**super().get_config(), "l2": self.l2, "decoupled": self.decoupled}  # type: ignore[misc]


@keras.saving.register_keras_serializable(package="sjft_tf")
class SGD(_Regularized, keras.optimizers.SGD):
    """`keras.optimizers.SGD` with the argument `l2`: g = grad + l2 * w; v = momentum * v - rate * g; w = w + v."""


@keras.saving.register_keras_serializable(package="sjft_tf")
class Adam(_Regularized, keras.optimizers.Adam):
    """`keras.optimizers.Adam` with the arguments `l2` (added to the gradient before its moments) and `decoupled`."""


def make_optimizer(
    name: str,
    schedule: Rate,
    *,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
) -> keras.optimizers.Optimizer:
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
    check_optimizer(name)
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
    return Adam(schedule, l2=weight_decay, decoupled=True)
