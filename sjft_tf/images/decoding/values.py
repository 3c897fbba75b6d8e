"""Pixel values of more than 8 bits to gray levels: which value is black and which is white.

16 bits are taken whole and floats from 0 to 1, unless another range is given; 32-bit and signed values mean nothing
without one. Transparency is always taken whole.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

log = logging.getLogger(__name__)

_ROWS = 64  # at a time: what comes in between takes several times the room, and stays in the cache
_MANY_LEVELS = 64  # gray levels: fewer, and most of what the values tell is lost


class ValueRange(NamedTuple):
    """The value that is black and the one that is white; what lies beyond is cut off."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.10g}:{self.high:.10g}"


WHOLE_16 = ValueRange(0, 65535)
WHOLE_FLOAT = ValueRange(0, 1)


class Stored(NamedTuple):
    """An image as its file has it.

    Attributes:
        values: [H, W, C], gray or RGB, with alpha behind it where C is 2 or 4; uint8, or of more bits.
        declared: the range that the file's type says, None where it says nothing.
    """

    values: np.ndarray
    declared: ValueRange | None = None

    @property
    def color(self) -> np.ndarray:
        """The values without alpha."""
        return self.values[..., :-1] if self.values.shape[2] in (2, 4) else self.values


def extent(values: np.ndarray) -> ValueRange:
    """The smallest and the largest value. Raises ValueError where one is not finite."""
    found = ValueRange(float(values.min()), float(values.max()))
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        raise ValueError(
            f"its values run from {found.low:.10g} to {found.high:.10g}; write it without infinite ones and NaN"
        )
    return found


def as_rgb(stored: Stored, given: ValueRange | None) -> np.ndarray:
    """The image as uint8 [H, W, 3], transparency laid over white.

    Args:
        stored: as its file has it.
        given: the range of values of more than 8 bits; None: what its type says.

    Raises:
        ValueError: values that no range is known for; says which one could be given.
    """
    color = stored.color
    if color.dtype != np.uint8:
        color = _gray_levels(color, given, stored.declared)
    if stored.values.shape[2] in (2, 4):
        alpha = stored.values[..., -1:]
        color = _over_white(color, levels_of_16_bits(WHOLE_16)[alpha] if alpha.dtype == np.uint16 else alpha)
    return np.broadcast_to(color, (*color.shape[:2], 3))


def _gray_levels(values: np.ndarray, given: ValueRange | None, declared: ValueRange | None) -> np.ndarray:
    if values.dtype == np.uint16 and (known := given or declared) is not None:
        return levels_of_16_bits(known)[values]
    found = extent(values)
    known = given or declared
    if known is None or (given is None and not (known.low <= found.low and found.high <= known.high)):
        expected = (
            f"outside {known}, which is meant" if known else "and its type does not say which are black and white"
        )
        raise ValueError(
            f"its values run from {found.low:.10g} to {found.high:.10g}, {expected}; say which are black and white "
            f"with --value_range={suggested(found, values.dtype.kind != 'f')}"
        )
    levels = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _ROWS):
        levels[start : start + _ROWS] = _scaled(values[start : start + _ROWS].astype(np.float64), known)
    return levels


def _scaled(values: np.ndarray, known: ValueRange) -> np.ndarray:
    return np.floor(np.clip((values - known.low) / (known.high - known.low), 0, 1) * 255 + 0.5).astype(np.uint8)


@functools.lru_cache(maxsize=8)
def levels_of_16_bits(known: ValueRange) -> np.ndarray:
    """The gray level of each value, uint8 [65536]."""
    levels = _scaled(np.arange(1 << 16, dtype=np.float64), known)
    levels.flags.writeable = False  # everybody has the same
    return levels


def _over_white(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if alpha.min() == 255:
        return color
    shown = np.empty(color.shape, np.uint8)
    for start in range(0, len(color), _ROWS):
        rows = slice(start, start + _ROWS)
        weight = alpha[rows].astype(np.uint16)
        # color alpha + 255 (255 - alpha), divided by 255 and rounded: exact with 128 added and two shifts (Blinn 1995).
        laid = color[rows] * weight + (255 * (255 - weight) + 128)
        laid += laid >> 8
        shown[rows] = laid >> 8
    return shown


def suggested(found: ValueRange, whole: bool) -> ValueRange:
    """A range for values that run from `found.low` to `found.high`: for whole numbers from 0 on, all of their bits."""
    if not whole or found.low < 0:
        return found if found.high > found.low else ValueRange(found.low, found.low + 1)
    return ValueRange(0, 2 ** max(1, int(found.high).bit_length()) - 1)


def levels_left(found: ValueRange, known: ValueRange) -> int:
    """Of 256, how many gray levels values from `found.low` to `found.high` are spread over."""
    low, high = max(found.low, known.low), min(found.high, known.high)
    return 1 + max(0, round(255 * (high - low) / (known.high - known.low)))


def tell(what: str, extents: Sequence[ValueRange], known: ValueRange | None) -> None:
    """Says once what values of more than 8 bits there are, and warns where most of their gray levels are lost.

    Args:
        what: the set, for the line.
        extents: of each such image; none, and nothing is said.
        known: what is black and white; None: what is found.
    """
    if not extents:
        return
    found = ValueRange(min(one.low for one in extents), max(one.high for one in extents))
    log.info(
        "%s: %d images of more than 8 bits, values %s, black and white %s", what, len(extents), found, known or found
    )
    if said := advice(found, known or found):
        log.warning("%s: %s", what, said)


def advice(found: ValueRange, known: ValueRange) -> str:
    """What to say of a set where most of the levels would be lost; "" where they are not."""
    left, better = levels_left(found, known), suggested(found, known != WHOLE_FLOAT and found.high == int(found.high))
    if left >= _MANY_LEVELS or levels_left(found, better) <= left:
        return ""
    return (
        f"values of more than 8 bits run from {found.low:.10g} to {found.high:.10g}; with black and white at {known} "
        f"only {left} gray levels of 256 are left of them. --value_range={better} uses all"
    )
