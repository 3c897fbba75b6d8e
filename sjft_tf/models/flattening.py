"""A saved model as one flat graph: nested models laid open, cut behind a layer, built anew for other images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models.normalization import set_layer_weights

Visit = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], list[Any]]
"""What is done at a layer's call: (layer, args, kwargs, node) to its outputs. Keras 3 has operations beside layers."""


@dataclass(eq=False)
class Call:
    """One call of a layer in the graph.

    Attributes:
        layer: a Keras layer, or an operation of Keras 3, whose name it has in the saved model.
        shape: of its (first) output, None where a side is open.
        pooled: the output is a map of one pixel made by global pooling, or of such ones alone.
        cut: number of the call, by which `build_up_to` takes it.
        given: the numbers of the calls whose outputs it takes; -1 is the model's input.
        output: its (first) output, a Keras tensor; of a model that is nested, one within it.
    """

    layer: Any
    shape: tuple[int | None, ...]
    pooled: bool
    cut: int
    given: tuple[int, ...] = ()
    output: Any = None

    @property
    def name(self) -> str:
        return str(self.layer.name)

    @property
    def has_kernel(self) -> bool:
        return any(len(weight.shape) >= 2 for weight in getattr(self.layer, "weights", ()))


def calls_of(model: keras.Model) -> list[Call]:
    """Every call of a layer between a model's input and its outputs, in the order of computation.

    Args:
        model: functional or Sequential; nested models are laid open, and are no calls of their own.

    Raises:
        InputError: the model, or one nested in it, is no graph of layers.
    """
    found: list[Call] = []

    def visit(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], node: Any) -> list[Any]:
        given = [value for value in tf.nest.flatten((args, kwargs)) if isinstance(value, Call)]
        outputs = tf.nest.flatten(node.outputs)
        shape = tuple(outputs[0].shape)
        numbers = tuple(call.cut for call in given)
        found.append(Call(layer, shape, _is_pooled(layer, shape, given), len(found), numbers, outputs[0]))
        return [found[-1]] * len(outputs)

    _run(model, [Call(None, tuple(one.shape), False, -1) for one in _graph(model).inputs], visit)
    return found


def _is_pooled(layer: Any, shape: tuple[int | None, ...], given: Sequence[Call]) -> bool:
    if len(shape) != 4:
        return False
    kind, one_pixel = type(layer).__name__, shape[1:3] == (1, 1)
    if "Pooling2D" in kind and one_pixel and given and given[0].shape[1:3] != (1, 1):
        return True
    maps = [call for call in given if len(call.shape) == 4]
    # The gates of squeeze-and-excitation are multiplied with a map that is not pooled, and give one.
    return one_pixel and bool(maps) and all(call.pooled for call in maps)


def build_up_to(
    model: keras.Model,
    cut: int,
    inputs: tf.Tensor,
    weights: bool,
    policy: Callable[[Any], str],
    taken: Iterable[str] = (),
) -> tf.Tensor:
    """New layers like those of `model`, called on `inputs`, up to one call.

    What concerns training alone is left to the run: all layers can be trained whatever was frozen, `training=` of a
    call is forgotten, and random augmentation, which does nothing in inference, is left out.

    Args:
        model: see `calls_of`.
        cut: `Call.cut` of the last call.
        inputs: Keras tensor [N, H, W, 3].
        weights: the layers get the model's weights; else only `Normalization` does, which is preprocessing.
        policy: what each layer is to compute in.
        taken: names that no layer may have; one that has gets a number.

    Returns:
        The output of that call.
    """
    made = _Copies(weights, policy, set(taken))
    outputs: list[Any] = []

    def visit(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], node: Any) -> list[Any]:
        if len(outputs) > cut:  # what comes after the cut is not computed
            return [None] * len(tf.nest.flatten(node.outputs))
        called = tf.nest.flatten(made.call(layer, args, kwargs))
        outputs.append(called[0])
        return called

    _run(model, [inputs], visit)
    made.fill()
    return outputs[cut]


@dataclass
class _Copies:
    weights: bool
    policy: Callable[[Any], str]
    taken: set[str]
    by_layer: dict[int, tuple[Any, Any]] = field(default_factory=dict)

    def call(self, layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if is_random_augmentation(layer):
            return args[0]
        if id(layer) not in self.by_layer:  # a layer that is called twice shares its weights
            self.by_layer[id(layer)] = layer, self._copy(layer)
        return self.by_layer[id(layer)][1](*args, **{key: value for key, value in kwargs.items() if key != "training"})

    def _copy(self, layer: Any) -> Any:
        config = layer.get_config()
        if "trainable" in config:
            config["trainable"] = True
        if config.get("dtype") is not None:
            config["dtype"] = self.policy(layer)
        name, number = layer.name, 1
        while name in self.taken:
            name, number = f"{layer.name}_{number}", number + 1
        self.taken.add(name)
        return type(layer).from_config({**config, "name": name})

    def fill(self) -> None:
        for layer, copy in self.by_layer.values():
            if getattr(layer, "weights", ()) and (self.weights or isinstance(layer, keras.layers.Normalization)):
                set_layer_weights(copy, layer.get_weights())


def is_random_augmentation(layer: Any) -> bool:
    """Whether a layer changes images at random in training and not at all in inference."""
    return type(layer).__name__.startswith("Random") and type(layer).__name__ != "RandomCrop"


def _run(model: keras.Model, tensors: Sequence[Any], visit: Visit) -> list[Any]:
    """Goes through the graph once: `visit` at each call of a layer, the same for every nested model."""
    graph = _graph(model)
    values = {_key(x): y for x, y in zip(graph.inputs, tensors, strict=True)}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            layer = node.operation if KERAS_3 else node.layer
            if layer is None or node.is_input:
                continue
            args, kwargs = _arguments(node, values)
            if isinstance(layer, keras.Model):
                outputs = _run(layer, tf.nest.flatten(args[0] if args else kwargs["inputs"]), visit)
            else:
                outputs = visit(layer, args, kwargs, node)
            values |= {_key(x): y for x, y in zip(tf.nest.flatten(node.outputs), outputs, strict=True)}
    return [values[_key(x)] for x in graph.outputs]


def _key(tensor: Any) -> int | str:
    return id(tensor) if KERAS_3 else str(id(tensor))


def _arguments(node: Any, values: Mapping[Any, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if KERAS_3:
        args, kwargs = node.arguments.fill_in(values)
    else:  # which takes each value from the end of a list
        args, kwargs = node.map_arguments({key: [value] * len(node.flat_input_ids) for key, value in values.items()})
    return tuple(args), kwargs


def _graph(model: keras.Model) -> Any:
    """What holds the nodes: the model, of a Sequential of Keras 3 the functional model in it."""
    graph = getattr(model, "_functional", model)
    if not getattr(graph, "_nodes_by_depth", None):
        raise InputError(
            f"Model {model.name!r} ({type(model).__name__}) is no graph of layers between an input and an output. "
            "Build a functional or Sequential model with an input shape, and save that"
        )
    return graph
