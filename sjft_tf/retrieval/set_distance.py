"""How far apart two image sets are by their descriptors, in units of how far one set's images lie from each other."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.retrieval.divergence import Layout, symmetric_kl

SAME = 1e-4
"""Distances below this are rounding: the descriptors are equal (`symmetric_kl` computes in float32)."""

_ROWS = 512


@dataclasses.dataclass(frozen=True)
class SetDistance:
    """What `set_distance` found.

    Attributes:
        between: median over the target images of the distance to the nearest of n source images.
        within: the same to the nearest of n other target images.
        candidates: n, the same on both sides.
    """

    between: float
    within: float
    candidates: int

    @property
    def ratio(self) -> float:
        """`between / within`: 1 for two draws of one set; infinite if target images are equal and the source is not."""
        if self.within < SAME:
            return 1.0 if self.between < SAME else math.inf
        return self.between / self.within


def set_distance(target: np.ndarray, source: np.ndarray, layout: Layout) -> SetDistance:
    """Distance between two sets in units of the target's own spread.

    More candidates make the nearest of them nearer, so both sides have the same number: n = min(N_t - 1, N_s). Where a
    side has more, every n of them are as good as any other: the expectation over all choices is taken, which depends on
    no draw (see `expected_nearest`).

    Args:
        target: float32 [N_t, D] histograms, at least two images.
        source: float32 [N_s, D] histograms, at least one image.
        layout: how the columns are divided.

    Raises:
        InputError: fewer images, or histograms of another size.
    """
    if len(target) < 2 or len(source) < 1:
        raise InputError(
            "A distance between sets needs at least 2 target images, which are compared with each other, and 1 source "
            f"image. Received: {len(target)} and {len(source)}"
        )
    layout.check(target, "Target")
    layout.check(source, "Source")
    count = min(len(target) - 1, len(source))
    own = _distances(target, target, layout)
    others = own[~np.eye(len(target), dtype=bool)].reshape(len(target), -1)
    return SetDistance(
        between=float(np.median(expected_nearest(_distances(target, source, layout), count))),
        within=float(np.median(expected_nearest(others, count))),
        candidates=count,
    )


def expected_nearest(distances: np.ndarray, count: int) -> np.ndarray:
    """The smallest of `count` distances drawn without repetition from each row, averaged over all draws.

    With the row sorted, the i-th smallest of S (from 1) is the smallest of a draw if the other count - 1 are among the
    S - i larger ones: C(S - i, count - 1) of the C(S, count) draws.

    Args:
        distances: float [N, S].
        count: from 1 to S; with S it is the row's minimum, with 1 its mean.

    Returns:
        float64 [N].
    """
    size = distances.shape[1]
    if not 1 <= count <= size:
        raise ValueError(f"`count` must be between 1 and {size}. Received: count={count}")
    index = np.arange(1, size)
    # weight[0] = count/S, and weight[i] = weight[i - 1] * (S - i - count + 1)/(S - i), zero from the first zero on.
    factors = np.maximum(size - index - count + 1, 0) / (size - index)
    weights = count / size * np.concatenate([[1.0], np.cumprod(factors)])
    return np.sort(distances.astype(np.float64), axis=1) @ weights


def _distances(target: np.ndarray, source: np.ndarray, layout: Layout) -> np.ndarray:
    """float32 [N_t, N_s], a block of the source at a time: its logarithms take as much room again."""
    blocks = [source[start : start + _ROWS] for start in range(0, len(source), _ROWS)]
    return np.concatenate([symmetric_kl(target, b, layout.layer_channels, layout.bins) for b in blocks], axis=1)
