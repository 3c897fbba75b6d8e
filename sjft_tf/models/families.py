"""The table of trunk families: which names there are, how each wants its pixels, and its smallest image."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.dropout import Shape

PREACT_RESNET = "preact_resnet"

# Prefix of the keras.applications class -> (preprocessing, smallest side). The first prefix that fits counts.
_FAMILIES: tuple[tuple[str, str, int], ...] = (
    ("ResNetRS", "inside", 32),
    ("ResNet50V2", "symmetric", 32),
    ("ResNet101V2", "symmetric", 32),
    ("ResNet152V2", "symmetric", 32),
    ("ResNet", "caffe", 32),
    ("VGG", "caffe", 32),
    ("MobileNetV3", "inside", 32),
    ("MobileNet", "symmetric", 32),
    ("DenseNet", "torch", 32),
    ("EfficientNetV2", "inside", 32),
    ("EfficientNet", "efficientnet", 32),
    ("InceptionV3", "symmetric", 75),
    ("InceptionResNetV2", "symmetric", 75),
    ("Xception", "symmetric", 71),
    ("NASNet", "symmetric", 32),
    ("ConvNeXt", "inside", 32),
    ("RegNet", "inside", 32),
)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Family:
    """One kind of trunk.

    Attributes:
        name: as the user writes it, in the family's own capitals.
        build: the keras.applications function, or None for `preact_resnet`.
        preprocessing: "symmetric" (x/127.5 - 1), "caffe" (BGR minus means), "torch" (mean and deviation),
            "inside" (the application rescales itself), or "efficientnet".
        min_size: smallest image side in pixels.
        has_alpha: whether a width multiplier `alpha` applies.
    """

    name: str
    build: Callable[..., keras.Model] | None
    preprocessing: str
    min_size: int
    has_alpha: bool


def trunk_names() -> tuple[str, ...]:
    """Every trunk that can be built with the installed Keras, sorted."""
    return tuple(sorted((*_applications(), PREACT_RESNET), key=str.lower))


def find_family(name: str) -> Family:
    """The family called `name`, whatever its capitals.

    Raises:
        InputError: there is none; the message lists the names, close ones first.
    """
    by_lower = {choice.lower(): choice for choice in trunk_names()}
    choice = by_lower.get(name.strip().lower())
    if choice == PREACT_RESNET:
        return Family(choice, None, "symmetric", 8, False)
    if choice is None:
        close = [by_lower[c] for c in difflib.get_close_matches(name.lower(), by_lower, n=5, cutoff=0.6)]
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        others = ", ".join([*close, *(c for c in trunk_names() if c not in close)])
        raise InputError(f"There is no trunk {name!r}.{hint} The trunks of this Keras: {others}")
    build = getattr(keras.applications, choice)
    _, preprocessing, min_size = _row(choice)
    return Family(choice, build, preprocessing, min_size, "alpha" in inspect.signature(build).parameters)


def preprocess(inputs: tf.Tensor, family: Family, rescaled_by_keras: bool = False) -> tf.Tensor:
    """Puts the family's own preprocessing in front: float32 RGB 0..255 in, what its weights were trained on out.

    Args:
        inputs: Keras tensor, float32 [N, S, S, 3], RGB 0..255.
        family: from `find_family`.
        rescaled_by_keras: the application is built with `weights="imagenet"` (matters to EfficientNet alone).
    """
    # float32 whatever the global policy: 16-bit pixels minus a mean lose half of their digits.
    if family.preprocessing == "symmetric":
        return keras.layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name="preprocessing")(inputs)
    if family.preprocessing == "torch":
        scale = [1 / (255 * s) for s in _STD]
        offset = [-m / s for m, s in zip(_MEAN, _STD, strict=True)]
        return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(inputs)
    if family.preprocessing == "caffe":
        return CaffePreprocessing(dtype="float32", name="preprocessing")(inputs)
    if family.preprocessing == "efficientnet" and not rescaled_by_keras:
        # The application normalizes to (x/255 - mean) / sqrt(std), and divides by sqrt(std) once more only when it
        # fetches the ImageNet weights itself. The affine map that makes up for it in front of the application:
        # x' = x / sqrt(std) + 255 * mean * (1 - 1 / sqrt(std)).
        root = [s**0.5 for s in _STD]
        offset = [255 * m * (1 - 1 / r) for m, r in zip(_MEAN, root, strict=True)]
        return keras.layers.Rescaling([1 / r for r in root], offset, dtype="float32", name="preprocessing")(inputs)
    return inputs


@keras.saving.register_keras_serializable(package="sjft_tf")
class CaffePreprocessing(keras.layers.Layer):
    """RGB 0..255 to BGR minus ImageNet's mean color: what the Caffe-trained ResNet and VGG weights expect."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Float [N, H, W, 3] RGB to the same shape, BGR, zero-centered."""
        return tf.reverse(inputs, [-1]) - tf.constant([103.939, 116.779, 123.68], inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape does not change."""
        return input_shape


def _applications() -> list[str]:
    return [
        n for n in dir(keras.applications) if n[0].isupper() and _row(n)[0] and callable(getattr(keras.applications, n))
    ]


def _row(name: str) -> tuple[str, str, int]:
    return next((row for row in _FAMILIES if name.startswith(row[0])), ("", "", 0))
