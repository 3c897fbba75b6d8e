"""Which images to drop, given their influences: the papers' rule and safer ones. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import norm

from sjft_tf.errors import InputError


def choose(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    threshold: float = 0.0,
    max_share: float = 1.0,
    keep_per_class: int = 1,
) -> np.ndarray:
    """Drops what scores above `threshold`, worst first, as far as the limits allow.

    With influence summed over validation images, threshold 0 and no limits this is the papers' rule: drop an image if
    more weight on it would raise validation loss (IDTL; Data Dropout, arXiv 1809.00193).

    Args:
        scores: float64 [N], higher is worse; -inf is never dropped.
        labels: int [N].
        threshold: only what is above it is dropped.
        max_share: at most this share of the N images, rounded down.
        keep_per_class: images each class keeps; a class with no more of them loses none.

    Returns:
        bool [N], True for dropped.

    Raises:
        InputError: a score is not a number.
    """
    if np.isnan(scores).any():
        raise InputError(f"{np.isnan(scores).sum()} of {len(scores)} scores are not numbers: nothing is ranked")
    left = int(np.floor(max_share * len(scores) + 1e-9))
    remaining = np.bincount(labels)
    dropped = np.zeros(len(scores), bool)
    # Stable, so that of equal ones the earlier goes, on every machine.
    for row in np.argsort(-scores, kind="stable"):
        if left <= 0 or not scores[row] > threshold:
            break
        if remaining[labels[row]] > keep_per_class:
            dropped[row] = True
            remaining[labels[row]] -= 1
            left -= 1
    return dropped


def ranks(scores: np.ndarray) -> np.ndarray:
    """1 for the highest score, N for the lowest: int64 [N]; equal ones in order."""
    positions = np.empty(len(scores), np.int64)
    positions[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return positions


class Bootstrap:
    """How far the summed influence of an image may be chance: bootstrap over the validation images.

    Resampling M validation images with replacement, the sum of M influences has the mean S = sum_j I_j and the
    variance M (mean(I^2) - mean(I)^2): the bootstrap's limit of infinitely many draws, without drawing. The bounds
    take the sum as normal.

    Args:
        blocks: I(z, z_j) of some validation images each, float64 [B, N].
    """

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._number, self._sum, self._squares = 0, np.zeros(()), np.zeros(())
        for block in blocks:
            self._number += len(block)
            self._sum = self._sum + block.sum(axis=0)
            self._squares = self._squares + (block**2).sum(axis=0)

    @property
    def standard_error(self) -> np.ndarray:
        """Of the summed influence, float64 [N]."""
        mean = self._sum / self._number
        return np.sqrt(np.maximum(self._number * (self._squares / self._number - mean**2), 0.0))

    def lower(self, confidence: float) -> np.ndarray:
        """What the sum exceeds with probability `confidence`, float64 [N]: an image is dropped if this is positive."""
        return self._sum - norm.ppf(confidence) * self.standard_error
