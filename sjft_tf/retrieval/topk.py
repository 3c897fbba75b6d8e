"""A running list of the k smallest distances, the same whatever order they arrive in."""

from __future__ import annotations

import numpy as np

_NONE = np.iinfo(np.int64).max


class RunningTopK:
    """For each of `queries` lines, the k smallest (distance, row) pairs offered so far, ordered lexicographically.

    Distance and row are packed into one int64: the bits of a float32 >= 0 order like the number itself, so the
    distance goes into the upper half and the row into the lower. The order is total, hence the result depends
    neither on the order nor on the division of what is offered.

    Args:
        queries: number of lines.
        k: pairs to keep for each.
        slack: pairs collected beyond k before the list is cut back; more is faster and takes 8 bytes each.
    """

    def __init__(self, queries: int, k: int, slack: int = 2048):
        self._k = k
        self._keys = np.full((queries, k + slack), _NONE, np.int64)
        self._filled = np.zeros(queries, np.int64)
        self._worst = np.full(queries, _NONE, np.int64)

    def offer(self, distances: np.ndarray, rows: np.ndarray) -> None:
        """Takes float32 distances [queries, n], >= 0, to the source rows int32 [n]."""
        # -0.0 + 0.0 is 0.0: the sign bit would otherwise put it last.
        bits = (distances + np.float32(0)).view(np.int32)
        limit = (self._worst >> 32).astype(np.int32)
        width = self._keys.shape[1] - self._k
        for start in range(0, len(rows), width):
            part = slice(start, start + width)
            # A cheap test on the distance first; ties with the worst kept are settled when the list is cut back.
            line, column = np.nonzero(bits[:, part] <= limit[:, None])
            counts = np.bincount(line, minlength=len(self._keys))
            if (self._filled + counts > self._keys.shape[1]).any():
                self._cut()
            rank = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
            keys = (bits[:, part][line, column].astype(np.int64) << 32) | rows[part][column].astype(np.int64)
            self._keys[line, self._filled[line] + rank] = keys
            self._filled += counts

    def _cut(self) -> None:
        # Called when some line holds more than k; until the first time all lines are equally full, afterwards none
        # holds fewer than k. So the first k after partitioning are pairs, and the rest is free.
        self._keys.partition(self._k - 1, axis=1)
        self._keys[:, self._k :] = _NONE
        self._worst = self._keys[:, self._k - 1].copy()
        self._filled = np.minimum(self._filled, self._k)

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """`(rows int32 [queries, k], distances float32 [queries, k])`, ascending, ties by lower row."""
        self._cut()
        keys = np.sort(self._keys[:, : self._k], axis=1)
        return (keys & 0xFFFFFFFF).astype(np.int32), (keys >> 32).astype(np.int32).view(np.float32)
