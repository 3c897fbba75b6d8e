"""Reads local weight files into a trunk, strictly: all of the trunk's weights come from the file, or an InputError."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import h5py
import keras
import numpy as np

from sjft_tf.models.normalization import set_layer_weights
from sjft_tf.weight_files import check_weight_file, reading, refuse_not_finite


def load_trunk_weights(trunk: keras.Model, path: str | os.PathLike[str]) -> None:
    """Loads `path` into `trunk`, in place.

    Args:
        trunk: the model, before or after `replace_batch_norm`.
        path: `.weights.h5` (Keras v3 layout), any other `.h5` (legacy layout, as keras.applications distributes
            them, with or without the classifier), or `.keras` (a saved model whose first layers are the trunk's;
            read in Keras's safe mode, so that it cannot run code).

    Raises:
        InputError: the file is missing, of another kind, damaged, or of another architecture, or holds NaN.
    """
    file = check_weight_file(path)

    def message(said: str) -> str:
        return (
            f"The weights in {file} do not fit trunk {trunk.name!r}, which expects {trunk.count_params():,} numbers; "
            f"the file holds {_numbers_in(file)}. Check the trunk's name and its options (alpha, depth, width), and "
            f"that the file is not damaged; if it fits in part only, --partial_weights takes that. Keras says: {said}"
        )

    with reading(message):
        if file.name.endswith(".keras"):
            _copy_prefix(trunk, keras.models.load_model(file, compile=False, safe_mode=True))
        elif file.name.endswith(".weights.h5") and not _is_legacy(file):
            with warnings.catch_warnings():
                # Keras 3 warns of missing groups before it raises for the layers in them; the error says it all.
                warnings.filterwarnings("ignore", message="Skipping nested container")
                trunk.load_weights(file)
        else:
            _load_legacy(trunk, file)
    refuse_not_finite(trunk.layers, file)


def _is_legacy(file: Path) -> bool:
    # Keras 2 wrote the legacy layout under any name ending in .h5, .weights.h5 included.
    with h5py.File(file, "r") as archive:
        return "layer_names" in archive.attrs or "model_weights" in archive


def _load_legacy(trunk: keras.Model, file: Path) -> None:
    with h5py.File(file, "r") as archive:
        group = archive.get("model_weights", archive)
        names = {n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs["layer_names"]}
    # By name where every layer of the trunk is in the file, so that a classifier on top of it is left out.
    # Otherwise (layers with automatic names) in order, which Keras checks by count and shape.
    by_name = {layer.name for layer in trunk.layers if layer.weights} <= names
    trunk.load_weights(file, **({"by_name": True} if by_name else {}))


def _copy_prefix(trunk: keras.Model, saved: keras.Model) -> None:
    """Copies layer after layer; `saved` may go on after the trunk (heads), but must begin like it."""
    wanted = [layer for layer in trunk.layers if layer.weights]
    given = [layer for layer in saved.layers if layer.weights]
    if len(given) == 1 and isinstance(given[0], keras.Model):
        given = [layer for layer in given[0].layers if layer.weights]
    if len(given) < len(wanted):
        raise ValueError(f"{len(given)} layers with weights came, {len(wanted)} were expected")
    pairs = list(zip(wanted, given, strict=False))
    for mine, theirs in pairs:
        if _shapes(mine) != _shapes(theirs):
            raise ValueError(f"layer {theirs.name!r} has {_shapes(theirs)}, {mine.name!r} expects {_shapes(mine)}")
    for mine, theirs in pairs:
        set_layer_weights(mine, theirs.get_weights())


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(w.shape) for w in layer.weights]


def _numbers_in(file: Path) -> str:
    """How many numbers the file's weights are, for the message; best effort, as the file may be damaged."""
    total = 0

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and "optimizer" not in name:
            total += int(np.prod(item.shape))

    try:
        with h5py.File(file, "r") as archive:
            archive.visititems(add)
    except Exception:  # only a message's part, of a file that is known to be bad
        return "a whole model" if file.suffix == ".keras" else "no readable HDF5 data"
    return f"{total:,}"
