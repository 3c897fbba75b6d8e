"""What the convex softmax heads on frozen features have in common: how features are scaled, and how strong L2 is.

There are two, because they are asked different things. `softmax_head` takes a hundred thousand images of a thousand
classes and must be good enough within minutes: L-BFGS in float32, stopped early. The head of `sjft_tf.influence` must
be at its minimum to the last digits, or influence is not defined: Newton's method in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sjft_tf.errors import InputError

BLOCK_BYTES = 64 << 20
"""Most memory of one block of features in float64."""
Head = TypeVar("Head")


@dataclass(frozen=True)
class Scaling:
    """One shift a feature and one factor for all: keeps the geometry the trunk made, and gives L2 a unit.

    Attributes:
        mean: float64 [F].
        factor: what centered features are multiplied by, so that an image's mean squared norm is F.
    """

    mean: np.ndarray
    factor: float

    @classmethod
    def of(cls, features: np.ndarray, rows: np.ndarray) -> Scaling:
        """Fitted to the images of `rows`, in two passes over blocks.

        Raises:
            InputError: a feature is not finite, or all images have the same features.
        """
        total, squares, width = np.zeros(features.shape[1]), 0.0, features.shape[1]
        for part in block_slices(len(rows), width, BLOCK_BYTES // 8):
            total += np.asarray(features[rows[part]], np.float64).sum(axis=0)
        mean = total / len(rows)
        for part in block_slices(len(rows), width, BLOCK_BYTES // 8):
            squares += float(((np.asarray(features[rows[part]], np.float64) - mean) ** 2).sum())
        if not np.isfinite(squares):
            raise InputError("The features hold NaN or infinite numbers: the trunk's weights have diverged")
        if squares == 0.0:
            raise InputError(f"All {len(rows)} images have the same features: nothing can be learned from them")
        return cls(mean, float(np.sqrt(len(rows) * width / squares)))


def block_slices(count: int, width: int, block_bytes: int = BLOCK_BYTES) -> list[slice]:
    """Rows 0 to `count` in blocks: float64 [B, width] of each fits into `block_bytes`, or is one row."""
    size = max(1, block_bytes // (8 * width))
    return [slice(begin, min(begin + size, count)) for begin in range(0, count, size)]


def strongest_to_weakest(strengths: Sequence[float], fit: Callable[[float], tuple[Head, float]]) -> tuple[Head, float]:
    """The head with the lowest held-out loss, and that loss.

    Args:
        strengths: of L2, from strong to weak; at least one. It ends at the first whose loss does not fall.
        fit: trains a head with such an L2, best from where the one before ended: the head and its held-out loss.
    """
    best, lowest = fit(strengths[0])
    for strength in strengths[1:]:
        head, loss = fit(strength)
        if loss >= lowest:
            break
        best, lowest = head, loss
    return best, lowest
