"""A filter bank made of named layers of any Keras model, before or after their nonlinearity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.artifacts import fingerprint
from sjft_tf.errors import InputError

Preprocess = Callable[[tf.Tensor], tf.Tensor]
"""From RGB in 0..255, float32 [N, H, W, 3], to what a model was trained on."""


class Symbolic(Protocol):
    """A layer's input or output while a model is put together (a KerasTensor, in Keras 2 and 3 not of one place)."""

    @property
    def shape(self) -> tf.TensorShape: ...


# Layers that are nothing but a nonlinearity: naming one, or following one, means its input or its output.
_NONLINEARITIES = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
)


class ConvNetBank:
    """The filters of one or more layers of a functional Keras model (SJFT paper, section 3.2).

    Args:
        model: a functional model with one image input [H, W, 3]; evaluated in inference mode, never changed.
        layers: names of layers with [N, h, w, C] outputs; each becomes a layer of the bank.
        before_nonlinearity: True (default, as in the released code: the values spread better over equal-mass bins)
            takes a layer's linear output, undoing an activation fused into it; a layer that is itself an activation
            gives its input. False takes the output of the fused activation, or else of the activation layer that
            directly follows.
        preprocess: what the model wants done to RGB in 0..255 first; None if it does that itself.
        name: for messages; the layer names are appended.
        preprocess_name: stands for `preprocess` in the fingerprint.

    Raises:
        InputError: a layer that is not there, not a feature map, used more than once in the model, or without
            a nonlinearity where one is asked for.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: Sequence[str],
        *,
        before_nonlinearity: bool = True,
        preprocess: Preprocess | None = None,
        name: str = "model",
        preprocess_name: str = "",
    ):
        if not layers:
            raise InputError(f"Bank {name} needs at least one layer name. Choices: {_feature_layers(model)}")
        if len(model.inputs) != 1:
            raise InputError(f"Bank {name} needs a model with one input. Received: {len(model.inputs)} inputs")
        outputs = [_output(model, layer, before_nonlinearity) for layer in layers]
        self._model = keras.Model(model.inputs[0], outputs)
        self._preprocess = preprocess
        self.name = f"{name}[{','.join(layers)}]"
        self.layer_names = tuple(layers)
        self.layer_channels = tuple(int(output.shape[-1]) for output in outputs)
        self.fingerprint = fingerprint(
            "convnet", 1, preprocess_name, *_architecture(self._model), *self._model.get_weights()
        )

    def responses(self, images: tf.Tensor) -> list[tf.Tensor]:
        """See `FilterBank.responses`."""
        images = tf.cast(images, tf.float32)
        outputs = self._model(self._preprocess(images) if self._preprocess else images, training=False)
        return [tf.cast(output, tf.float32) for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def _output(model: keras.Model, name: str, before: bool) -> Symbolic:
    """The symbolic tensor of one layer, before or after its nonlinearity."""
    try:
        layer = model.get_layer(name)
    except ValueError as error:
        raise InputError(f"There is no layer {name!r} in {model.name}. Choices: {_feature_layers(model)}") from error
    tensors = _tensors(layer)
    if tensors is None or len(tensors[1]) != 1:
        raise InputError(f"Layer {name!r} is used more than once or has several outputs: name another one.")
    sources, output = tensors[0], tensors[1][0]
    if len(output.shape) != 4 or output.shape[-1] is None:
        raise InputError(
            f"Layer {name!r} gives outputs of shape {tuple(output.shape)}, not feature maps [N, h, w, C]. "
            f"Choices: {_feature_layers(model)}"
        )
    if isinstance(layer, _NONLINEARITIES):
        return sources[0] if before else output
    fused = getattr(layer, "activation", None) not in (None, keras.activations.linear)
    if fused and before:
        config = {**layer.get_config(), "activation": "linear", "name": f"{name}_linear"}
        linear = type(layer).from_config(config)
        output = linear(sources[0])
        linear.set_weights(layer.get_weights())
        return output
    if fused or before:
        return output
    for other in model.layers:
        ends = _tensors(other)
        if ends is not None and isinstance(other, _NONLINEARITIES) and any(end is output for end in ends[0]):
            return ends[1][0]
    raise InputError(
        f"No nonlinearity follows layer {name!r} directly. Name the activation layer itself, "
        "or ask for the values before the nonlinearity."
    )


def _tensors(layer: keras.layers.Layer) -> tuple[list[Symbolic], list[Symbolic]] | None:
    """Inputs and outputs of a layer used exactly once in its model, else None."""
    # Keras 3 answers for the first use of a layer, Keras 2 raises: neither tells without a look at the nodes.
    if len(getattr(layer, "_inbound_nodes", ())) > 1:
        return None
    try:
        return tf.nest.flatten(layer.input), tf.nest.flatten(layer.output)
    except (AttributeError, ValueError, RuntimeError):
        return None


def _feature_layers(model: keras.Model) -> str:
    """Names of the layers that give feature maps, for messages."""
    names = []
    for layer in model.layers:
        ends = _tensors(layer)
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if ends is not None and len(ends[1]) == 1 and len(ends[1][0].shape) == 4:
            names.append(layer.name)
    return ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")


def _architecture(model: keras.Model) -> list[object]:
    """Layers, options and wiring as JSON-able values, without the names Keras numbers differently in each process."""
    described: list[object] = []
    made_by: dict[int, int] = {}
    for number, layer in enumerate(model.layers):
        ends = _tensors(layer) or ([], [])
        # A model's own inputs have no maker.
        described.append(
            [type(layer).__name__, _nameless(layer.get_config()), [made_by.get(id(t), -1) for t in ends[0]]]
        )
        made_by.update({id(tensor): number for tensor in ends[1]})
    return [described, [made_by.get(id(output), -1) for output in model.outputs]]


def _nameless(value: object) -> object:
    if isinstance(value, dict):
        return {str(k): _nameless(v) for k, v in value.items() if k not in ("name", "registered_name", "build_config")}
    if isinstance(value, list | tuple):
        return [_nameless(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
