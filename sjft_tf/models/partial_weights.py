"""Weights of a file that fits a trunk only in part: what matches by name and shape is taken, the rest is told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.models.normalization import set_layer_weights
from sjft_tf.models.weight_layers import FileLayer, fits, layers_in
from sjft_tf.weight_files import check_weight_file, reading, refuse_not_finite

LEAST = 0.1
"""Share of a trunk's layers with kernels of which fewer matches are taken for a wrong file."""
_UNNAMED = (
    ". A .weights.h5 file of Keras 2.15 does not name its layers: load it into the network it is of, and save that as "
    ".keras"
)
LOADED, AT_START, UNUSED = "loaded", "at its start", "not used"


class Match(NamedTuple):
    """What became of a layer of the trunk or of the file.

    Attributes:
        layer: of the trunk; "" for one of the file that is not used.
        state: `LOADED`, `AT_START` or `UNUSED`.
        in_file: the layer's name in the file, "" where it is not there.
        shapes: of the weights, the trunk's or those not used.
    """

    layer: str
    state: str
    in_file: str
    shapes: str


def load_matching(trunk: keras.Model, path: str | os.PathLike[str]) -> list[Match]:
    """Loads the layers of `path` that match a layer of `trunk`, in place; see `match_weights`."""
    pairs, matches = match_weights(trunk, path)
    for name, arrays in pairs.items():
        set_layer_weights(trunk.get_layer(name), arrays)
    refuse_not_finite(trunk.layers, path)
    return matches


def match_weights(trunk: keras.Model, path: str | os.PathLike[str]) -> tuple[dict[str, list[np.ndarray]], list[Match]]:
    """What of a weight file fits which layer.

    A layer matches one of the same name and the same shapes. Of a file that says in which order its layers come, the
    first ones as long as shapes agree are taken instead, if those are more: automatic names say nothing.

    Args:
        trunk: from `build_trunk`.
        path: `.weights.h5`, a legacy `.h5` or `.keras`, whose nested models are laid open.

    Returns:
        Arrays by the trunk's layers that match, and a line for every layer with weights of either side.

    Raises:
        InputError: the file is missing or damaged, or so little of it matches that it is of another network.
    """
    file = check_weight_file(path)
    with reading(lambda said: f"The weights in {file} cannot be read: {said}"):
        theirs, ordered = layers_in(file, trunk)
    wanted = [layer for layer in trunk.layers if layer.weights]
    pairs = _by_name(wanted, theirs)
    if ordered and len(first := _from_the_first(wanted, theirs)) > len(pairs):
        pairs = first
    kernels = [layer.name for layer in wanted if any(len(w.shape) >= 2 for w in layer.weights)]
    found = sum(name in pairs for name in kernels)
    if found < max(1, LEAST * len(kernels)):
        raise InputError(
            f"Of {len(kernels)} layers with kernels of trunk {trunk.name!r} {found} match one in {file} by name and "
            f"shape: that is another network. The trunk: {_listed([layer.name for layer in wanted])}; the file: "
            f"{_listed([layer.name for layer in theirs])}{'' if ordered else _UNNAMED}"
        )
    used = {id(layer) for layer in pairs.values()}
    in_file = {layer.name for layer in theirs}
    lines = [
        Match(layer.name, LOADED, pairs[layer.name].name, _shapes(layer.weights))
        if layer.name in pairs
        else Match(layer.name, AT_START, layer.name if layer.name in in_file else "", _shapes(layer.weights))
        for layer in wanted
    ]
    lines += [Match("", UNUSED, layer.name, _shapes(layer.arrays)) for layer in theirs if id(layer) not in used]
    return {name: layer.arrays for name, layer in pairs.items()}, lines


def matches_in_words(matches: Sequence[Match]) -> Iterator[str]:
    """The matches in words."""
    by_state = {
        state: [m.layer or m.in_file for m in matches if m.state == state] for state in (LOADED, AT_START, UNUSED)
    }
    ours = len(by_state[LOADED]) + len(by_state[AT_START])
    yield f"{len(by_state[LOADED])} of {ours} layers of the trunk are taken from the file of --weights"
    for state, said in ((AT_START, "begin at random"), (UNUSED, "of the file are not used")):
        if by_state[state]:
            yield f"{len(by_state[state])} {said}: {_listed(by_state[state])}"


def _by_name(wanted: Sequence[keras.layers.Layer], theirs: Sequence[FileLayer]) -> dict[str, FileLayer]:
    often = Counter(layer.name for layer in theirs)
    known = {layer.name: layer for layer in theirs if often[layer.name] == 1}
    return {one.name: known[one.name] for one in wanted if one.name in known and fits(one, known[one.name])}


def _from_the_first(wanted: Sequence[keras.layers.Layer], theirs: Sequence[FileLayer]) -> dict[str, FileLayer]:
    pairs = {}
    for mine, other in zip(wanted, theirs, strict=False):
        if not fits(mine, other):
            break
        pairs[mine.name] = other
    return pairs


def _shapes(arrays: Sequence[np.ndarray]) -> str:
    return " ".join("x".join(map(str, array.shape)) or "1" for array in arrays)


def _listed(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + f" and {len(names) - most} more" * (len(names) > most)
