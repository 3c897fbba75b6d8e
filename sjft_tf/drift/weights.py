"""How far kernels have moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Movement(NamedTuple):
    """How far weights are from where they started, all taken as one vector.

    Attributes:
        distance: |end - start| / |start|; NaN where the start is zero.
        cosine: of end and start; NaN where one is zero.
    """

    distance: float
    cosine: float


def movement(start: Sequence[np.ndarray], end: Sequence[np.ndarray]) -> Movement:
    """The movement of the kernels of a layer or of a stage.

    Args:
        start, end: arrays of the same shapes, in the same order.

    Raises:
        ValueError: they are not.

    Example:
        >>> movement([np.array([3.0, 4.0])], [np.array([3.0, 9.0])]).distance
        1.0
    """
    if [one.shape for one in start] != [one.shape for one in end]:
        raise ValueError(
            f"`start` and `end` must have the same shapes. Received: {[one.shape for one in start]} and "
            f"{[one.shape for one in end]}"
        )
    squares = np.zeros(4)
    for old, new in zip(start, end, strict=True):
        a, b = np.asarray(old, np.float64).ravel(), np.asarray(new, np.float64).ravel()
        squares += a @ a, b @ b, a @ b, (b - a) @ (b - a)
    before, after, both, moved = squares.tolist()
    if not before:
        return Movement(math.nan, math.nan)
    return Movement(math.sqrt(moved / before), both / math.sqrt(before * after) if after else math.nan)
