"""Learning-rate schedules over the optimizer's step count, which runs on across the rounds of a run."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from sjft_tf.catalog import SCHEDULES
from sjft_tf.errors import InputError


class _Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Multiplies a subclass's rate by (step + 1) / warmup_steps during the first `warmup_steps` steps."""

    def __init__(self, learning_rate: float, warmup_steps: int = 0) -> None:
        super().__init__()
        self.learning_rate = float(learning_rate)
        self.warmup_steps = int(warmup_steps)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Rate, scalar float32, for the global step (scalar integer: optimizer updates made before this one)."""
        step = tf.cast(tf.convert_to_tensor(step), tf.int64)
        rate = tf.cast(self._rate(step), tf.float32)
        if self.warmup_steps:
            rate *= tf.minimum(1.0, tf.cast(step + 1, tf.float32) / float(self.warmup_steps))
        return rate

    def _rate(self, step: tf.Tensor) -> tf.Tensor | float:
        return self.learning_rate

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"learning_rate": self.learning_rate, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable(package="sjft_tf")
class ConstantRate(_Warmup):
    """The same rate at every step, after an optional linear warm-up."""


@keras.saving.register_keras_serializable(package="sjft_tf")
class StepDecay(_Warmup):
    """learning_rate * decay_rate ** floor(step / decay_steps): the paper's "divided by 10 every 2400-5000 iterations".

    Args:
        learning_rate: the first rate.
        decay_steps: steps between two drops, counted from step 0 (the warm-up included).
        decay_rate: factor of a drop.
        warmup_steps: length of the linear warm-up; 0 for none.
    """

    def __init__(self, learning_rate: float, decay_steps: int, decay_rate: float = 0.1, warmup_steps: int = 0) -> None:
        super().__init__(learning_rate, warmup_steps)
        self.decay_steps = int(decay_steps)
        self.decay_rate = float(decay_rate)

    def _rate(self, step: tf.Tensor) -> tf.Tensor | float:
        return self.learning_rate * tf.pow(self.decay_rate, tf.cast(step // self.decay_steps, tf.float32))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "decay_steps": self.decay_steps, "decay_rate": self.decay_rate}


@keras.saving.register_keras_serializable(package="sjft_tf")
class CosineRate(_Warmup):
    """Falls from `learning_rate` at the end of the warm-up to 0 at `total_steps` along half a cosine."""

    def __init__(self, learning_rate: float, total_steps: int, warmup_steps: int = 0) -> None:
        super().__init__(learning_rate, warmup_steps)
        self.total_steps = int(total_steps)

    def _rate(self, step: tf.Tensor) -> tf.Tensor | float:
        span = float(max(1, self.total_steps - self.warmup_steps))
        done = tf.clip_by_value(tf.cast(step - self.warmup_steps, tf.float32) / span, 0.0, 1.0)
        return self.learning_rate * 0.5 * (1.0 + tf.cos(3.14159265358979 * done))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "total_steps": self.total_steps}


def make_schedule(
    name: str,
    learning_rate: float,
    total_steps: int,
    decay_steps: int | None = None,
    decay_rate: float = 0.1,
    warmup_steps: int = 0,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule called `name`.

    Args:
        name: "step" (paper), "constant" or "cosine".
        learning_rate: highest rate; positive.
        total_steps: optimizer steps of the whole run, all rounds together; "cosine" ends there.
        decay_steps: steps between two drops of "step", which needs it; others ignore it.
        decay_rate: factor of a drop of "step", in (0, 1].
        warmup_steps: steps of linear warm-up, at least 0 and below `total_steps`.

    Raises:
        InputError: unknown name or a number out of range.
    """
    if name not in SCHEDULES:
        raise InputError(f"There is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}")
    if not learning_rate > 0:
        raise InputError(f"`learning_rate` must be positive. Received: learning_rate={learning_rate}")
    if total_steps < 1:
        raise InputError(f"`total_steps` must be at least 1. Received: total_steps={total_steps}")
    if not 0 <= warmup_steps < total_steps:
        raise InputError(
            f"`warmup_steps` must be at least 0 and below total_steps={total_steps}. Received: {warmup_steps}"
        )
    if name == "constant":
        return ConstantRate(learning_rate, warmup_steps)
    if name == "cosine":
        return CosineRate(learning_rate, total_steps, warmup_steps)
    if decay_steps is None or decay_steps < 1:
        raise InputError(f"The step schedule needs `decay_steps` of at least 1. Received: decay_steps={decay_steps}")
    if not 0 < decay_rate <= 1:
        raise InputError(f"`decay_rate` must be above 0 and at most 1. Received: decay_rate={decay_rate}")
    return StepDecay(learning_rate, decay_steps, decay_rate, warmup_steps)
