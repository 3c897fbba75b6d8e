"""Dropout whose random state is a weight, so that a run taken up again drops what it would have dropped."""

from __future__ import annotations

from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

Shape: TypeAlias = tuple[int | None, ...] | tf.TensorShape


@keras.saving.register_keras_serializable(package="sjft_tf")
class ResumableDropout(keras.layers.Layer):
    """`keras.layers.Dropout`, with its position in the random stream saved and loaded with the weights.

    The stock layer keeps that position outside the weights (Keras 3) or inside a compiled kernel (Keras 2.15),
    where a resumed run cannot find it. The stream's seed is drawn from NumPy's global generator when the layer is
    built, which `keras.utils.set_random_seed` sets.

    Args:
        rate: share of the numbers that are set to zero in training, in [0, 1).
    """

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.rate = float(rate)

    def build(self, input_shape: Shape) -> None:
        """Makes the state: int32 [2], seed and number of calls."""
        seed = int(np.random.randint(2**31 - 1))  # noqa: NPY002 (the generator that set_random_seed sets)
        self.state = self.add_weight(
            name="state",
            shape=(2,),
            dtype="int32",
            initializer=lambda shape, dtype=None, **_: tf.constant([seed, 0], tf.int32),
            trainable=False,
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Float tensor of any shape to the same, scaled by 1 / (1 - rate) where it is kept."""
        if not training or not self.rate:
            return inputs
        seed = tf.convert_to_tensor(self.state)
        self.state.assign(seed + tf.constant([0, 1], tf.int32))
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed + _replica_offset())

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        return {**super().get_config(), "rate": self.rate}


def _replica_offset() -> tf.Tensor:
    # Replicas hold the same state and must not drop the same places: each has a stream of its own, the first one that
    # of a single device. The product wraps around.
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    return tf.stack([tf.cast(replica, tf.int32) * 1640531527, 0])
