"""The single layers in weight files of every kind, for a network that such a file fits in part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np


class FileLayer(NamedTuple):
    """A layer's weights in a file."""

    name: str
    arrays: list[np.ndarray]


def fits(mine: keras.layers.Layer, other: FileLayer) -> bool:
    """Whether shapes are those of a layer's weights."""
    return [tuple(w.shape) for w in mine.weights] == [array.shape for array in other.arrays]


def layers_in(file: Path, trunk: keras.Model) -> tuple[list[FileLayer], bool]:
    """The layers with weights in a weight file, and whether they are in the network's order.

    Args:
        file: `.weights.h5`, a legacy `.h5` or `.keras`; of a damaged one h5py and Keras raise what they like.
        trunk: by its classes the layers of a file are named that names none.
    """
    if file.name.endswith(".keras"):
        model = keras.models.load_model(file, compile=False, safe_mode=True)
        return [FileLayer(one.name, one.get_weights()) for one in _leaves(model) if one.weights], True
    with h5py.File(file, "r") as archive:
        if "layer_names" in archive.attrs or "model_weights" in archive:
            return list(_legacy(archive.get("model_weights", archive))), True
        return list(_groups(archive, trunk)), False


def _leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _legacy(group: h5py.Group) -> Iterator[FileLayer]:
    """A nested model is one group there, its weights named LAYER/WEIGHT."""
    for name in map(_text, group.attrs["layer_names"]):
        layers: dict[str, list[np.ndarray]] = {}
        for weight in map(_text, group[name].attrs["weight_names"]):
            layer = weight.rpartition("/")[0].rpartition("/")[2] or name
            layers.setdefault(layer, []).append(np.asarray(group[name][weight]))
        if len(layers) == 1:  # Keras 3 writes no layer's name before that of a weight
            layers = {name: next(iter(layers.values()))}
        for layer, arrays in layers.items():
            yield FileLayer(layer, arrays)


def _groups(archive: h5py.Group, trunk: keras.Model) -> Iterator[FileLayer]:
    """Groups are called by class and number, conv2d_3. Keras 3 writes a layer's name beside that.

    Where nothing does, as in files of Keras 2.15, numbers tell which layer is meant only if the file has as many of the
    class as the trunk, all of the same shapes.
    """
    found: list[h5py.Group] = []
    archive.visititems(lambda path, item: found.append(item) if path.endswith("/vars") and len(item) else None)
    unnamed: dict[str, list[tuple[int, FileLayer]]] = {}
    for group in found:
        key = str(group.name).split("/")[-2]
        arrays = [np.asarray(group[str(number)]) for number in range(len(group))]
        if "optimizer" in str(group.name):
            continue
        if "name" in group.attrs:
            yield FileLayer(_text(group.attrs["name"]), arrays)
        else:
            kind, _, number = key.rpartition("_")
            kind, number = (kind, number) if number.isdecimal() else (key, "0")
            unnamed.setdefault(kind, []).append((int(number), FileLayer(key, arrays)))
    for kind, numbered in unnamed.items():
        theirs = [layer for _, layer in sorted(numbered, key=lambda pair: pair[0])]
        mine = [layer for layer in trunk.layers if layer.weights and _kind(layer) == kind]
        same = len(mine) == len(theirs) and all(map(fits, mine, theirs))
        names = [layer.name for layer in (mine if same else theirs)]
        yield from (FileLayer(name, other.arrays) for name, other in zip(names, theirs, strict=True))


def _kind(layer: keras.layers.Layer) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", type(layer).__name__).lower()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
