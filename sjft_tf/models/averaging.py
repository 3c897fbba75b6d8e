"""An exponential moving average of the weights, trained beside them and swapped in to score, evaluate and export."""

from __future__ import annotations

import keras
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.contracts import Variable


class WeightAverage:
    """`average <- m * average + (1 - m) * weight` after every step, for all trainable variables.

    The start's bias is taken out as in Adam by a growing momentum: at step t (from 0) it is min(m, (1 + t) / (10 + t)),
    so that short runs are averages of their own weights and not of the starting ones.

    Args:
        model: a built model; its trainable variables are averaged. Moving statistics of batch normalization are
            averages already and stay as they are.
        momentum: m, in (0, 1).
    """

    def __init__(self, model: keras.Model, momentum: float) -> None:
        if not 0.0 < momentum < 1.0:
            raise InputError(f"`momentum` of the weight average must be between 0 and 1. Received: {momentum}")
        self.momentum = float(momentum)
        self._weights = [plain(v) for v in model.trainable_variables]
        self.variables = [shadow(w, f"average_{i:03d}") for i, w in enumerate(self._weights)]
        self._swapped = tf.Variable(0, dtype=tf.int64, trainable=False, name="average_swapped")

    def update(self, step: tf.Tensor) -> None:
        """After a step: moves the average toward the weights. `step` is the number of steps made before, scalar."""
        step = tf.cast(step, tf.float32)
        rest = 1.0 - tf.minimum(self.momentum, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.variables, self._weights, strict=True):
            average.assign_sub(rest * (average - weight))

    @property
    def in_use(self) -> bool:
        """Whether the model holds the average at the moment, and the trained weights lie here."""
        return bool(self._swapped.numpy())

    def use(self, average: bool) -> None:
        """Puts the average into the model (True) or the trained weights back (False); nothing if it is so already."""
        if average == self.in_use:
            return
        for mine, weight in zip(self.variables, self._weights, strict=True):
            held = weight.numpy()
            weight.assign(mine.numpy())
            mine.assign(held)
        self._swapped.assign(int(average))

    def state(self) -> dict[str, tf.Variable]:
        """Everything that must be kept to go on, by name."""
        return {f"average/{i:03d}": v for i, v in enumerate(self.variables)} | {"average/swapped": self._swapped}


def plain(variable: Variable) -> tf.Variable:
    """The tf.Variable inside a variable of Keras 3; Keras 2.15's is one."""
    return variable if isinstance(variable, tf.Variable) or not hasattr(variable, "value") else variable.value


def shadow(variable: Variable, name: str) -> tf.Variable:
    """A float32 variable that begins equal to `variable`, lies where it lies, and is the same on all replicas."""
    return tf.Variable(
        lambda: tf.cast(tf.convert_to_tensor(variable), tf.float32),
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
