"""Trunks that were saved: the user's own Keras model, a backbone of KerasHub, the trunk that a run keeps.

Of a whole classifier the trunk is what comes before its pooling and its head. `SavedTrunk` finds where that is.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from sjft_tf.catalog import KERAS_HUB, MODEL
from sjft_tf.errors import InputError
from sjft_tf.models.architecture import read_architecture
from sjft_tf.models.cutting import POOL, before_pooling, inside, last_map, named
from sjft_tf.models.families import rescale, scale_pixels
from sjft_tf.models.flattening import Call, build_up_to, calls_of, is_random_augmentation
from sjft_tf.models.hub import open_backbone
from sjft_tf.models.precision import global_policy
from sjft_tf.weight_files import reading, refuse_not_finite

log = logging.getLogger(__name__)

RESERVED = ("image", "preprocessing", POOL, "features", "head_dropout", "target_head", "source_head")
"""Names of layers that the run itself adds."""
_RANKS = {2: "a vector", 3: "a row of tokens", 4: "a map"}


class Affine(NamedTuple):
    """Pixels x 0..255 are wanted as x * scale + offset."""

    scale: float | list[float]
    offset: float | list[float]


@dataclass(frozen=True)
class SavedTrunk:
    """An opened model and where the trunk ends in it.

    Attributes:
        name: as --trunk has it.
        model: as it was saved.
        calls: of its layers, in order.
        cut: the last of them that is the trunk's.
        pixels: how the trunk wants its pixels, a kind of `scale_pixels` or a scale of its own.
    """

    name: str
    model: keras.Model
    calls: list[Call]
    cut: Call
    pixels: str | Affine

    def maps(self, inputs: tf.Tensor, weights: bool) -> tf.Tensor:
        """The last maps, tokens or features for Keras inputs [N, S, S, 3], RGB 0..255, by new layers.

        Args:
            inputs: their Keras tensor.
            weights: the layers get the weights they were saved with.

        Raises:
            InputError: the model cannot be built for images of this size; NaN in its weights.
        """
        first = next((call.cut for call in self.calls if call.has_kernel), 0)
        early = {id(call.layer) for call in self.calls[:first]}

        def policy(layer: Any) -> str:
            # As of other trunks, preprocessing is float32 whatever the trunk computes in.
            return "float32" if id(layer) in early else str(global_policy().name)

        kind = self.pixels
        scaled = rescale(inputs, *kind) if isinstance(kind, Affine) else scale_pixels(inputs, kind)
        size, saved = inputs.shape[1], tuple(self.model.inputs[0].shape[1:3])
        with reading(
            lambda said: (
                f"{self.name}: its layers, saved for images of {_sides(saved)}, cannot be made anew for {size} px "
                f"(--image_size): {said}"
            )
        ):
            maps = build_up_to(
                self.model, self.cut.cut, scaled, weights, policy, () if _is_kept(self.name) else RESERVED
            )
        if weights:
            refuse_not_finite((call.layer for call in self.calls if hasattr(call.layer, "get_weights")), self.name)
        return maps

    def summary(self) -> str:
        """In one line: where the model was cut, what of it is left out, which pixels it takes."""
        after = [call.name for call in self.calls[self.cut.cut + 1 :]]
        left = f"; left out after it: {', '.join(after[:4])}{f' and {len(after) - 4} more' * (len(after) > 4)}"
        random = [call.name for call in self.calls if is_random_augmentation(call.layer)]
        more = f"; left out as augmentation: {', '.join(random)}" if random else ""
        kind = self.pixels
        taken = "x * {} + {} of 0..255".format(*kind) if isinstance(kind, Affine) else _PIXELS[kind]
        shape = " x ".join("?" if side is None else str(side) for side in self.cut.shape[1:])
        return (
            f"trunk {self.name}: ends with layer {self.cut.name!r} ({shape}){left * bool(after)}{more}; pixels {taken}"
        )


_PIXELS = {
    "none": "as they are, 0..255",
    "unit": "0..1",
    "symmetric": "-1..1",
    "torch": "0..1 minus ImageNet's mean, by its deviation",
    "caffe": "BGR minus ImageNet's mean",
}


def open_saved(name: str, layer: str = "", pixels: str = "auto", weights: bool = True) -> SavedTrunk:
    """Opens a saved trunk, and tells once where it ends.

    Args:
        name: `model:PATH.keras`, `keras_hub:PRESET`, or `model:PATH.json`, the architecture that a run keeps.
        layer: the last one of the trunk; "" for the one before the global pooling and the head, of a backbone its last.
        pixels: one of `catalog.PIXELS`; "auto" is what the file says of itself.
        weights: a preset's weights are wanted too.

    Raises:
        InputError: no such file or preset, or one that is damaged or runs code; no such layer; what pixels it takes is
            not known.
    """
    kept = _is_kept(name)
    own_scale: Affine | None = None
    if name.startswith(KERAS_HUB):
        model, scale = open_backbone(name.removeprefix(KERAS_HUB), weights)
        own_scale = None if scale is None else Affine(*scale)
    else:
        model = read_architecture(Path(name.removeprefix(MODEL))) if kept else _load(name)
    calls = calls_of(model)
    shapes = [tuple(one.shape) for one in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][-1] not in (3, None):
        raise InputError(f"{name} must take images [N, height, width, 3] and nothing else. It takes {shapes}")
    if kept:
        if layer or pixels != "auto":
            raise InputError(
                f"{name} is a whole trunk with its preprocessing: leave --trunk_layer and --preprocessing out"
            )
        return SavedTrunk(name, model, calls, before_pooling(calls), "none")
    cut = named(name, calls, layer) if layer else calls[-1] if name.startswith(KERAS_HUB) else last_map(name, calls)
    if len(cut.shape) not in _RANKS:
        raise InputError(f"Layer {cut.name!r} of {name} gives {cut.shape}, which is no map, row of tokens or vector")
    known = pixels if pixels != "auto" else own_scale if own_scale is not None else inside(name, calls)
    found = SavedTrunk(name, model, calls, cut, known)
    _tell(found.summary())
    return found


def _is_kept(name: str) -> bool:
    return name.startswith(MODEL) and name.endswith(".json")


@functools.cache
def _tell(line: str) -> None:
    log.info("%s", line)  # once, however often a run builds its trunk


def _load(name: str) -> keras.Model:
    path = name.removeprefix(MODEL)

    def message(said: str) -> str:
        hint = (
            "Save it with the Keras that is installed here, without own classes: plain layers, Rescaling for a Lambda"
        )
        return f"{name} cannot be loaded as a model of plain Keras layers: {said}. {hint}"

    with reading(message):
        return keras.models.load_model(Path(path), compile=False, safe_mode=True)


def _sides(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)
