"""Numbers that a chart can draw: every one that comes from a run goes through here before it goes there."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 1e15
"""Beyond, an axis has no ticks that can be read and its arithmetic soon overflows."""


def plottable(values: Any, low: float = -MOST, high: float = MOST) -> np.ndarray:
    """float64, what is not finite as NaN (lines have a gap there), the rest within `low` and `high`."""
    with np.errstate(over="ignore"):
        array = np.asarray(values, np.float64)
    return np.clip(np.where(np.isfinite(array), array, np.nan), low, high)


def lengths(values: Any, high: float = MOST) -> np.ndarray:
    """float64 for bars: 0 where a value is not finite, else within 0 and `high`."""
    return np.nan_to_num(plottable(values, 0.0, high), nan=0.0)


def reach(values: Any, factor: float = 1.0, least: float = 1e-3) -> float:
    """Where an axis that begins at 0 ends: `factor` times the largest of `values`, never at 0 itself."""
    return max(least, factor * float(lengths(values).max(initial=0.0)))


def opacity(value: float) -> float:
    """Within 0 and 1, which sums of shares may leave by a rounding."""
    return float(np.clip(value, 0.0, 1.0))
