"""The table of trunk families: how each is built and wants its pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from sjft_tf.catalog import SMALL, has_alpha, trunk_called
from sjft_tf.models.dropout import Shape

# Prefix of the keras.applications class -> preprocessing. The first prefix that fits counts.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("ResNetRS", "inside"),
    ("ResNet50V2", "symmetric"),
    ("ResNet101V2", "symmetric"),
    ("ResNet152V2", "symmetric"),
    ("ResNet", "caffe"),
    ("VGG", "caffe"),
    ("MobileNetV3", "inside"),
    ("MobileNet", "symmetric"),
    ("DenseNet", "torch"),
    ("EfficientNetV2", "inside"),
    ("EfficientNet", "efficientnet"),
    ("InceptionV3", "symmetric"),
    ("InceptionResNetV2", "symmetric"),
    ("Xception", "symmetric"),
    ("NASNet", "symmetric"),
    ("ConvNeXt", "inside"),
    ("RegNet", "inside"),
)
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEANS = (103.939, 116.779, 123.68)
"""ImageNet's mean color, BGR, as Caffe's networks take it off."""


@dataclass(frozen=True)
class Family:
    """One kind of trunk.

    Attributes:
        name: as the user writes it, in the family's own capitals.
        build: the keras.applications function, or None for those of `catalog.SMALL`.
        preprocessing: "symmetric" (x/127.5 - 1), "caffe" (BGR minus means), "torch" (mean and deviation),
            "inside" (the application rescales itself), or "efficientnet".
    """

    name: str
    build: Callable[..., keras.Model] | None
    preprocessing: str

    @property
    def has_alpha(self) -> bool:
        """Whether a width multiplier `alpha` applies."""
        return has_alpha(self.name)


def find_family(name: str) -> Family:
    """The family called `name`, whatever its capitals.

    Raises:
        InputError: there is none; the message lists the names, close ones first.
    """
    name = trunk_called(name)
    if name in SMALL:
        return Family(name, None, "symmetric")
    preprocessing = next(kind for prefix, kind in _FAMILIES if name.startswith(prefix))
    return Family(name, getattr(keras.applications, name), preprocessing)


def preprocess(inputs: tf.Tensor, family: Family, rescaled_by_keras: bool = False) -> tf.Tensor:
    """Puts the family's own preprocessing in front: float32 RGB 0..255 in, what its weights were trained on out.

    Args:
        inputs: Keras tensor, float32 [N, S, S, 3], RGB 0..255.
        family: from `find_family`.
        rescaled_by_keras: the application is built with `weights="imagenet"` (matters to EfficientNet alone).
    """
    if family.preprocessing == "efficientnet" and not rescaled_by_keras:
        # The application normalizes to (x/255 - mean) / sqrt(std), and divides by sqrt(std) once more only when it
        # fetches the ImageNet weights itself. The affine map that makes up for it in front of the application:
        # x' = x / sqrt(std) + 255 * mean * (1 - 1 / sqrt(std)).
        root = [s**0.5 for s in _STD]
        offset = [255 * m * (1 - 1 / r) for m, r in zip(_MEAN, root, strict=True)]
        return rescale(inputs, [1 / r for r in root], offset)
    return scale_pixels(inputs, family.preprocessing)


def scale_pixels(inputs: tf.Tensor, kind: str) -> tf.Tensor:
    """Pixels 0..255 as `kind` of `Family.preprocessing` wants them, or "unit" (x/255); unchanged for any other."""
    if kind == "unit":
        return rescale(inputs, 1 / 255, 0.0)
    if kind == "symmetric":
        return rescale(inputs, 1 / 127.5, -1.0)
    if kind == "torch":
        return rescale(inputs, [1 / (255 * s) for s in _STD], [-m / s for m, s in zip(_MEAN, _STD, strict=True)])
    if kind == "caffe":
        return CaffePreprocessing(dtype="float32", name="preprocessing")(inputs)
    return inputs


def rescale(inputs: tf.Tensor, scale: float | list[float], offset: float | list[float]) -> tf.Tensor:
    """A trunk's preprocessing that is x * scale + offset, of all channels or of each."""
    # float32 whatever the global policy: 16-bit pixels minus a mean lose half of their digits.
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")(inputs)


@keras.saving.register_keras_serializable(package="sjft_tf")
class CaffePreprocessing(keras.layers.Layer):
    """RGB 0..255 to BGR minus ImageNet's mean color: what the Caffe-trained ResNet and VGG weights expect."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Float [N, H, W, 3] RGB to the same shape, BGR, zero-centered."""
        return tf.reverse(inputs, [-1]) - tf.constant(CAFFE_MEANS, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape does not change."""
        return input_shape
