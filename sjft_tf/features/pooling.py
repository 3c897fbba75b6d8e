"""From maps to a vector: their average, their largest values, or averages of the cells of a grid."""

from __future__ import annotations

import re
from typing import Any

import keras

from sjft_tf.errors import InputError
from sjft_tf.features.layers import Place


def check_pooling(pooling: str) -> None:
    """Refuses what is no pooling.

    Raises:
        InputError: neither average, max nor grid:G with G from 1 to 99.
    """
    if pooling not in ("average", "max") and not re.fullmatch(r"grid:[1-9][0-9]?", pooling, re.ASCII):
        raise InputError(f"--pooling must be average, max or grid:G, such as grid:2. Received: {pooling!r}")


def pooled(place: Place, pooling: str) -> Any:
    """The features of a place, float32 [N, F], by layers of Keras alone.

    Args:
        place: its output are maps [N, H, W, C], tokens [N, T, C], or vectors [N, C], which stay as they are.
        pooling: "average" or "max" over all positions (F = C); "grid:G": the averages of G x G cells, row by row
            (F = G * G * C). Cell i of a side H reaches from floor(i H / G) to ceil((i + 1) H / G), so that cells
            share pixels where G does not divide H.

    Raises:
        InputError: another pooling, tokens in a grid, or maps with fewer pixels than cells on a side.
    """
    check_pooling(pooling)
    output, rank = place.output, len(place.output.shape)
    if rank == 2:
        found = output
    elif pooling.startswith("grid:"):
        found = _grid(place, int(pooling.removeprefix("grid:")))
    else:
        kind = {"average": "GlobalAveragePooling", "max": "GlobalMaxPooling"}[pooling] + f"{rank - 2}D"
        found = getattr(keras.layers, kind)(name=f"{place.name}_{pooling}")(output)
    # Under mixed precision what follows is float32 all the same.
    return keras.layers.Activation("linear", dtype="float32", name=f"{place.name}_pooled")(found)


def _grid(place: Place, cells: int) -> Any:
    shape = tuple(place.output.shape)
    if len(shape) != 4 or min(shape[1:3]) < cells:
        raise InputError(
            f"--pooling=grid:{cells} needs maps of at least {cells} x {cells}. Layer {place.name} gives "
            f"{' x '.join(map(str, shape[1:]))}. Take a smaller grid, larger images (--image_size) or an earlier layer"
        )
    averages = []
    for row, (top, bottom) in enumerate(_cells(shape[1], cells)):
        for column, (left, right) in enumerate(_cells(shape[2], cells)):
            around = ((top, shape[1] - bottom), (left, shape[2] - right))
            name = f"{place.name}_cell_{row}_{column}"
            cell = keras.layers.Cropping2D(around, name=name)(place.output)
            averages.append(keras.layers.GlobalAveragePooling2D(name=f"{name}_average")(cell))
    return averages[0] if cells == 1 else keras.layers.Concatenate(name=f"{place.name}_grid")(averages)


def _cells(side: int, cells: int) -> list[tuple[int, int]]:
    return [(i * side // cells, -(-(i + 1) * side // cells)) for i in range(cells)]
