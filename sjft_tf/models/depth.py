"""Layers by their place in a trunk: "everything up to here" for freezing and for learning rates of their own."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from sjft_tf.errors import InputError

TRUNK = "trunk"


def counted_layers(trunk: keras.Model) -> list[keras.layers.Layer]:
    """The layers that "the first n layers" counts: those with kernels, in order."""
    return [layer for layer in trunk.layers if any(len(w.shape) >= 2 for w in layer.weights)]


def layers_up_to(trunk: keras.Model, position: str) -> list[keras.layers.Layer]:
    """The trunk's layers with weights from the input up to `position`, in order.

    Args:
        trunk: from `build_trunk`.
        position: "trunk" (all of them); a number n (up to the n-th convolution or dense layer, with the normalization
            that follows it, as papers count "the first n layers"); or the name of a layer, or what the names of a
            stage's layers begin with ("conv3": up to the last of them).

    Raises:
        InputError: there is no such layer, or n is larger than their number.
    """
    weighted = [layer for layer in trunk.layers if layer.weights]
    if position == TRUNK:
        return weighted
    counted = [weighted.index(layer) for layer in counted_layers(trunk)]
    if position.isdecimal():
        number = int(position[:9])  # Python converts no more than 4,300 digits
        if not 1 <= number <= len(counted):
            raise InputError(f"{trunk.name} has {len(counted)} layers with kernels. Received: the first {number}")
        end = counted[number] if number < len(counted) else len(weighted)
        return weighted[:end]
    names = [layer.name for layer in trunk.layers]
    matches = [i for i, name in enumerate(names) if name == position] or [
        i for i, name in enumerate(names) if name.startswith(position)
    ]
    if not matches:
        stages = sorted({name.split("_")[0] for name in names})
        raise InputError(
            f"{trunk.name} has no layer whose name is, or begins with, {position!r}. Its names begin with: "
            f"{', '.join(stages)}; or say {TRUNK!r}, or how many layers"
        )
    return [layer for layer in trunk.layers[: matches[-1] + 1] if layer.weights]


def freeze(trunk: keras.Model, position: str, batch_norm: bool = False) -> None:
    """Freezes the layers up to `position` ("" none), and, on request, all batch normalization.

    A frozen batch normalization uses its moving statistics in training as well, and keeps them.

    Raises:
        InputError: see `layers_up_to`.
    """
    for layer in layers_up_to(trunk, position) if position else ():
        layer.trainable = False
    if batch_norm:
        for layer in trunk.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False


def rate_factors(trunk: keras.Model, rates: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The learning-rate factor of each trunk layer by name; layers that no place covers are left out (factor 1).

    Where several places cover a layer, the shortest prefix counts: with `conv3:0.01` and `trunk:0.1` the layers up
    to stage 3 train at 1/100 and the rest of the trunk at 1/10 of the heads' rate (the lecture's rule for middle
    and top layers).

    Raises:
        InputError: see `layers_up_to`.
    """
    factors: dict[str, float] = {}
    covered = sorted(
        ((layers_up_to(trunk, position), factor) for position, factor in rates), key=lambda part: len(part[0])
    )
    for layers, factor in covered:
        for layer in layers:
            factors.setdefault(layer.name, factor)
    return factors
