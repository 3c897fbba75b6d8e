"""Backbones of KerasHub, which is installed by `pip install 'sjft_tf[hub]'` and needs Keras 3."""

from __future__ import annotations

import importlib
from typing import Any

import keras

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.weight_files import reading

Scale = tuple[float | list[float], float | list[float]]
"""Pixels x are wanted as x times the first plus the second, of all channels or of each."""


def open_backbone(preset: str, weights: bool) -> tuple[keras.Model, Scale | None]:
    """The backbone of a preset, and how its pixels are scaled.

    Args:
        preset: name of a preset, which KerasHub downloads or finds in its cache, or a folder with one.
        weights: else they are random.

    Returns:
        The model, and the scale of its image converter; None where the preset has none.

    Raises:
        InputError: KerasHub is not installed; no such preset, or none for images.
    """
    keras_hub = _keras_hub(f"keras_hub:{preset}")
    with reading(lambda said: f"keras_hub:{preset} cannot be had here: {said}"):
        backbone = keras_hub.models.Backbone.from_preset(preset, load_weights=weights)
    return backbone, _scale(keras_hub, preset)


def _scale(keras_hub: Any, preset: str) -> Scale | None:
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except (ValueError, OSError):  # what KerasHub raises where a preset has no such file
        return None
    scale, offset = (
        [float(v) for v in x] if isinstance(x, list | tuple) else x for x in (converter.scale, converter.offset)
    )
    return None if scale is None and offset is None else (1.0 if scale is None else scale, offset or 0.0)


def register_hub_layers(architecture: str) -> None:
    """Lets Keras know the layers of KerasHub, if an architecture names any.

    Raises:
        InputError: it does, and KerasHub is not installed.
    """
    if "keras_hub" in architecture:
        _keras_hub("This run's trunk")


def _keras_hub(what: str) -> Any:
    if not KERAS_3:
        raise InputError(f"{what}: KerasHub needs Keras 3, and this is Keras 2")
    try:
        return importlib.import_module("keras_hub")
    except ImportError as error:
        raise InputError(f"{what} needs KerasHub ({error}). Install it: pip install 'sjft_tf[hub]'") from error
