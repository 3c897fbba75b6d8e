"""A linear classifier of scikit-learn as the end of a Keras model, for export."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from sjft_tf.features import Place, pooled
from sjft_tf.probing.linear import LinearProbe
from sjft_tf.probing.transforms import LEAST_LENGTH


@keras.saving.register_keras_serializable(package="sjft_tf")
class FeatureTransform(keras.layers.Layer):
    """The signed power of features, and unit length: `signed_power` and `unit_length` in TensorFlow.

    Args:
        power: p, above 0.
        unit_length: whether vectors are divided by their length.
    """

    def __init__(self, power: float = 1.0, unit_length: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power, self.unit_length = power, unit_length

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Float [N, F] to the same shape."""
        raised = inputs if self.power == 1.0 else tf.sign(inputs) * tf.pow(tf.abs(inputs), self.power)
        if not self.unit_length:
            return raised
        length = tf.sqrt(tf.reduce_sum(tf.square(raised), axis=-1, keepdims=True))
        return raised / tf.maximum(length, LEAST_LENGTH)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape does not change."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "power": self.power, "unit_length": self.unit_length}


def probe_network(trunk: keras.Model, place: Place, pooling: str, probe: LinearProbe) -> keras.Model:
    """The trunk up to a layer, its pooling and a linear classifier: what `export_saved_model` takes.

    Centering, scaling and the temperature are in the weights of the last layer.

    Args:
        trunk: from `build_trunk`; its layers are shared.
        place: of the trunk.
        pooling: that of the features the classifier was fitted on.
        probe: the classifier.

    Returns:
        keras.Model from float32 [N, S, S, 3] RGB in 0..255 to `{"target": logits}`, float32 [N, C], whose softmax are
        the probabilities of `LinearProbe.probabilities`.
    """
    features = pooled(place, pooling)
    transform = FeatureTransform(probe.power, probe.kind == "svm", dtype="float32", name="feature_transform")
    head = keras.layers.Dense(len(probe.bias), dtype="float32", name="target_head")
    model = keras.Model(trunk.input, {"target": head(transform(features))}, name="probe")
    head.set_weights([probe.weights / probe.temperature, probe.bias / probe.temperature])
    return model
