"""Where the trunk ends in a saved model, and whether what scales its pixels is in it."""

from __future__ import annotations

from typing import Any

import keras

from sjft_tf.errors import InputError
from sjft_tf.models.flattening import Call

POOL = "pool"
"""Name of the layer that averages a trunk's maps."""


def before_pooling(calls: list[Call]) -> Call:
    """What a trunk of ours averages: the last call before the layers that `build_trunk` puts at its end."""
    names = [call.name for call in calls]
    return calls[names.index(POOL if POOL in names else "features") - 1]


def named(name: str, calls: list[Call], layer: str) -> Call:
    """The last call of the layer of this name.

    Raises:
        InputError: there is none; the message names others.
    """
    found = [call for call in calls if call.name == layer]
    if not found:
        listed = [call.name for call in calls if len(call.shape) == 4]
        raise InputError(
            f"{name} has no layer {layer!r} (--trunk_layer). Its last ones that give maps: {', '.join(listed[-8:])}"
        )
    return found[-1]


def last_map(name: str, calls: list[Call]) -> Call:
    """The last call that gives maps which are not pooled yet: what a classifier's pooling takes.

    Raises:
        InputError: there is none.
    """
    maps = [call for call in calls if len(call.shape) == 4 and not call.pooled]
    if not maps:
        raise InputError(f"{name} has no layer that gives maps. Name the one whose output to take, --trunk_layer=NAME")
    return maps[-1]


def inside(name: str, calls: list[Call]) -> str:
    """What pixels a model with its own preprocessing takes, "none": as they are.

    Raises:
        InputError: nothing scales them before the first kernel.
    """
    for call in calls:
        if call.has_kernel:
            break
        if isinstance(call.layer, keras.layers.Rescaling | keras.layers.Normalization) or _is_operation(call.layer):
            return "none"
    raise InputError(
        f"{name} has nothing before its first kernel that scales pixels, so that it is not known which it takes. Say "
        "--preprocessing=none (0..255), unit (0..1), symmetric (-1..1), torch or caffe (as keras.applications)"
    )


def _is_operation(layer: Any) -> bool:
    """Arithmetic on tensors, such as x / 255."""
    return not isinstance(layer, keras.layers.Layer) or type(layer).__name__.endswith("OpLambda")
