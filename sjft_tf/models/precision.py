"""Mixed precision: 16-bit trunk, float32 variables, heads and losses; loss scaling for float16."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.catalog import PRECISIONS
from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError


@contextlib.contextmanager
def precision_scope(precision: str) -> Iterator[None]:
    """Layers made inside compute in `precision` and keep their variables in float32.

    Layers that name a dtype themselves (preprocessing, features, heads) are not affected.

    Raises:
        InputError: `precision` is not one of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise InputError(f"`precision` must be one of {', '.join(PRECISIONS)}. Received: {precision!r}")
    mixed, before = keras.mixed_precision, global_policy()
    mixed.set_global_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        mixed.set_global_policy(before)


def global_policy() -> Any:
    """The policy of layers that name none; its `name` is that of a dtype, or "mixed_bfloat16" and the like."""
    mixed = keras.mixed_precision
    return mixed.dtype_policy() if KERAS_3 else mixed.global_policy()


def with_loss_scale(optimizer: keras.optimizers.Optimizer, precision: str) -> keras.optimizers.Optimizer:
    """The optimizer, with dynamic loss scaling around it where float16 gradients would underflow."""
    if precision != "float16":
        return optimizer
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def scale_loss(optimizer: keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """The loss whose gradients `optimizer` wants: multiplied by the loss scale, if there is one."""
    if not is_scaled(optimizer):
        return loss
    return optimizer.scale_loss(loss) if KERAS_3 else optimizer.get_scaled_loss(loss)


def prepare_gradients(optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients as `optimizer.apply_gradients` takes them: Keras 3 divides by the loss scale itself, 2.15 does not."""
    if not is_scaled(optimizer) or KERAS_3:
        return gradients
    return optimizer.get_unscaled_gradients(gradients)


def loss_scale(optimizer: keras.optimizers.Optimizer) -> tf.Tensor | float:
    """What prepared gradients are still multiplied by: a number or scalar tensor, float32."""
    return optimizer.dynamic_scale if is_scaled(optimizer) and KERAS_3 else 1.0


def is_scaled(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether `with_loss_scale` put loss scaling around it."""
    return hasattr(optimizer, "inner_optimizer")
