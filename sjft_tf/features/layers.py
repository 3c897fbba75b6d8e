"""Layers whose outputs become features: any layer by its name, or the last one of every stage of a trunk."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from sjft_tf.models import FEATURES, TRUNK, Call, calls_of, layers_up_to

_SMALLER = 0.75
"""A side below this part of the one before begins a stage. Convolutions without padding take less: 4 pixels to 3."""


class Place(NamedTuple):
    """A place in a trunk.

    Attributes:
        name: the name of the layer whose output it is.
        output: Keras tensor, maps [N, H, W, C], tokens [N, T, C] or vectors [N, C].
    """

    name: str
    output: Any


def stages(trunk: keras.Model) -> list[Place]:
    """The last place of every stage: before each halving of the resolution, and the trunk's own output before pooling.

    Only layers through which everything passes count, so that a stage ends with a block and not within one: from such
    a place the rest of the network could be computed. They are found in the graph, of every trunk. A trunk whose
    resolution does not change, as those of tokens, has one stage.

    Args:
        trunk: from `build_trunk`.

    Returns:
        From the first stage to the last.

    Example:
        >>> from sjft_tf.models import build_trunk
        >>> [place.name for place in stages(build_trunk("preact_resnet", 32, depth=8))]
        ['stage2_unit1_1_relu', 'stage3_unit1_1_relu', 'final_relu']
    """
    calls = calls_of(trunk)
    kernel = next((call.cut for call in calls if call.has_kernel), 0)
    end = _before_pooling(calls)
    passed = [call for call in _passed_by_all(calls[: end.cut + 1]) if _is_map(call) and call.cut >= kernel]
    # What only pads is larger than the maps it pads, and would seem to end a stage of its own.
    passed = [call for call in passed if "Padding" not in type(call.layer).__name__]
    ends = [call for call, after in itertools.pairwise(passed) if _side(after) < _SMALLER * _side(call)]
    if not ends or ends[-1].cut != end.cut:
        ends.append(end)
    return [Place(call.name, call.output) for call in ends]


def place(trunk: keras.Model, position: str) -> Place:
    """One place by its name.

    Args:
        trunk: from `build_trunk`.
        position: as --freeze takes it: "trunk" (its output before pooling); a number n, the n-th layer with a kernel,
            with the normalization and the activation that follow it; or the name of a layer, or what the names of
            several begin with, of which it is the last.

    Raises:
        InputError: there is no such layer.
    """
    calls = calls_of(trunk)
    if position == TRUNK:
        end = _before_pooling(calls)
        return Place(end.name, end.output)
    last = layers_up_to(trunk, position)[-1:]  # refuses what is not there
    names = [call.name for call in calls]
    if position.isdecimal():
        call = _activated(calls[names.index(last[0].name)], calls)
    else:
        named = [name for name in names if name == position] or [n for n in names if n.startswith(position)]
        call = calls[len(names) - 1 - names[::-1].index(named[-1])]
    return Place(call.name, call.output)


def places(trunk: keras.Model, positions: Sequence[str]) -> list[Place]:
    """The places of these names, each once; every stage without any."""
    chosen = [place(trunk, position) for position in positions] if positions else stages(trunk)
    return list({one.name: one for one in chosen}.values())


def _before_pooling(calls: Sequence[Call]) -> Call:
    """The last call before what `build_trunk` puts at a trunk's end."""
    last = next(call for call in reversed(calls) if call.name == FEATURES)
    before = calls[last.given[0]]
    pools = "GlobalAveragePooling" in type(before.layer).__name__
    return calls[before.given[0]] if pools and before.given[0] >= 0 else before


def _passed_by_all(calls: Sequence[Call]) -> list[Call]:
    """The calls that are on every path from the input to the last of them: no connection leads past them."""
    found, reach = [], -1
    consumers: dict[int, int] = {}
    for call in calls:
        for given in call.given:
            consumers[given] = max(call.cut, consumers.get(given, -1))
    for call in calls:
        # `reach` is the furthest call that takes something from before this one.
        reach = max(reach, consumers.get(call.cut - 1, -1))
        if reach <= call.cut:
            found.append(call)
    return found


def _activated(call: Call, calls: Sequence[Call]) -> Call:
    """The call after what only follows this one and changes no shape: its activation."""
    while True:
        after = [one for one in calls if call.cut in one.given]
        if len(after) != 1 or after[0].given != (call.cut,) or after[0].shape != call.shape or after[0].has_kernel:
            return call
        if after[0].name == FEATURES:
            return call
        call = after[0]


def _is_map(call: Call) -> bool:
    return len(call.shape) == 4 and not call.pooled


def _side(call: Call) -> int:
    return min(side or 1 for side in call.shape[1:3])
