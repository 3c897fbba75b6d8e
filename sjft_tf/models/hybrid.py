"""Hybrid starts: the first layers of a trunk from a pre-trained model, the rest random (IDTL, Wang et al. 2018)."""

from __future__ import annotations

import keras

from sjft_tf.errors import InputError
from sjft_tf.models.depth import layers_up_to


def reset_from(trunk: keras.Model, layer: str, random: keras.Model) -> keras.Model:
    """Gives `layer` and all layers after it the weights they have in `random`, in place.

    Args:
        trunk: with pre-trained weights; its layers are in the order in which they were built.
        layer: name of the first layer that starts anew; or a number n: all start anew but the first n, counted as
            `layers_up_to` counts them.
        random: the same architecture with random weights.

    Returns:
        `trunk`.

    Raises:
        InputError: there is no such layer, or nothing with weights is before it or from it on.
    """
    names = [one.name for one in trunk.layers]
    weighted = [one.name for one in trunk.layers if one.weights]
    if layer.isdecimal():
        kept = len(layers_up_to(trunk, layer))
        first = names.index(weighted[kept]) if kept < len(weighted) else len(names)
    elif layer in names:
        first = names.index(layer)
    else:
        raise InputError(
            f"--reset_from={layer}: the trunk has no such layer. Layers with weights: {', '.join(weighted[:4])}, ..., "
            f"{', '.join(weighted[-4:])}"
        )
    pairs = list(zip(trunk.layers, random.layers, strict=True))
    if not any(one.weights for one, _ in pairs[first:]):
        raise InputError(f"--reset_from={layer}: no layer with weights comes from there on; leave the flag out")
    if not any(one.weights for one, _ in pairs[:first]):
        raise InputError(f"--reset_from={layer}: nothing with weights comes before it; take --weights=none")
    for one, other in pairs[first:]:
        one.set_weights(other.get_weights())
    return trunk
