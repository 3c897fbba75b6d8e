"""How far confidence can be believed: expected calibration error and the reliability table. NumPy only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BINS = 15
"""Bins of equal width between 0 and 1 (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4)."""


class ReliabilityBin(NamedTuple):
    """The images whose confidence lies above `low` and at most at `high`.

    Attributes:
        low, high: limits of the bin; the first one includes 0.
        images: how many.
        confidence: their mean confidence (largest probability); None where there are none.
        accuracy: the share of them that were recognized; None where there are none.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Divides images by confidence into bins of equal width and compares it with their accuracy.

    Args:
        confidence: float [N], probability of the predicted class.
        right: bool [N], whether it is the true one.
        bins: M, at least 1.
    """
    edges = np.arange(bins + 1) / bins
    bin_of = np.searchsorted(edges[1:-1], confidence, side="left")  # ((m - 1) / M, m / M], as in the paper
    table = []
    for m in range(bins):
        own = bin_of == m
        count = int(own.sum())
        means = (float(confidence[own].mean()), float(right[own].mean())) if count else (None, None)
        table.append(ReliabilityBin(float(edges[m]), float(edges[m + 1]), count, *means))
    return tuple(table)


def expected_calibration_error(table: tuple[ReliabilityBin, ...]) -> float:
    """`sum_m |B_m| / N * |accuracy(B_m) - confidence(B_m)|` (Guo et al. 2017, equation 3), from 0 to 1."""
    total = sum(part.images for part in table)
    return sum(
        part.images / total * abs(part.accuracy - part.confidence)
        for part in table
        if part.accuracy is not None and part.confidence is not None
    )
