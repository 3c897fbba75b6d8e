"""A running list of the k smallest distances, the same whatever order they arrive in."""

from __future__ import annotations

import numpy as np

from sjft_tf.parallel import over_ranges
from sjft_tf.retrieval import search_kernels

NO_PAIR = np.iinfo(np.int64).max


class RunningTopK:
    """For each of `queries` lines, the k smallest (distance, row) pairs offered so far, ordered lexicographically.

    Distance and row are packed into one int64: the bits of a float32 >= 0 order like the number itself, so the
    distance goes into the upper half and the row into the lower. The order is total, hence the result depends
    neither on the order nor on the division of what is offered.

    Args:
        queries: number of lines.
        k: pairs to keep for each.
        slack: pairs collected beyond k before a line is cut back, at least 1; more is faster, 8 bytes each.
    """

    def __init__(self, queries: int, k: int, slack: int = 2048):
        self._k = k
        self._keys = np.full((queries, k + slack), NO_PAIR, np.int64)
        self._filled = np.zeros(queries, np.int64)
        self._limits = np.full(queries, NO_PAIR, np.int64)
        self._worst = self._limits.copy()

    @property
    def shape(self) -> tuple[int, int]:
        """Lines, and pairs in each: what `state` has."""
        return len(self._keys), self._k

    def offer(self, rows: np.ndarray, products: np.ndarray, own_source: np.ndarray, own_target: np.ndarray) -> None:
        """Takes the distances of n source images, as `max(0, (own_target + own_source - product) / 2)`.

        Args:
            rows: int32 [n], the source rows.
            products: float32 [n, queries or more]; columns beyond are not looked at.
            own_source: float32 [n].
            own_target: float32 [queries].
        """

        def work(begin: int, end: int) -> None:
            done = 0
            while True:
                done = search_kernels.offer(
                    products, own_source, own_target, rows, self._keys, self._filled, self._worst, begin, end, done
                )
                if done == len(rows):
                    break
                self._cut(begin, end)

        if len(rows):
            self._make_room()
            over_ranges(work, len(self._keys), least=16)

    def clear(self, limits: np.ndarray) -> None:
        """Begins again with empty lists that take pairs below `limits` int64 [queries] alone, packed (see `limits`)."""
        self._filled[:] = 0
        self._limits[:] = limits
        self._worst[:] = limits

    @property
    def limits(self) -> np.ndarray:
        """int64 [queries]: pairs from here on, packed, would change no line; the largest number where all may."""
        over_ranges(self._cut, len(self._keys))
        return self._worst.copy()

    def offer_pairs(self, counts: np.ndarray, pairs: np.ndarray) -> None:
        """Takes pairs that other lists have kept.

        Args:
            counts: int [queries], how many of each line.
            pairs: int64 [sum of counts], packed, line after line; none that is here already.
        """
        ends = np.cumsum(counts)

        def work(begin: int, end: int) -> None:
            for line in range(begin, end):
                news = pairs[ends[line] - counts[line] : ends[line]]
                news = news[news < self._worst[line]]
                while len(news):
                    filled = self._filled[line]
                    some = news[: self._keys.shape[1] - filled]
                    self._keys[line, filled : filled + len(some)] = some
                    self._filled[line] += len(some)
                    news = news[len(some) :]
                    if self._filled[line] == self._keys.shape[1]:
                        self._cut(line, line + 1)
                        news = news[news < self._worst[line]]

        over_ranges(work, len(self._keys), least=16)

    def _make_room(self) -> None:
        if (self._filled == self._keys.shape[1]).any():
            over_ranges(self._cut, len(self._keys))

    def _cut(self, begin: int, end: int) -> None:
        """Cuts the lines begin..end back to the k smallest."""
        keys, filled = self._keys[begin:end], self._filled[begin:end]
        for line in range(len(keys)):
            keys[line, filled[line] :] = NO_PAIR
        if (filled < self._k).any():
            keys.sort(axis=1)  # the pairs before the free places, which partitioning may mix
        else:
            keys.partition(self._k - 1, axis=1)
        self._worst[begin:end] = np.minimum(keys[:, self._k - 1], self._limits[begin:end])
        np.minimum(filled, self._k, out=filled)

    def state(self) -> np.ndarray:
        """int64 [queries, k]: the pairs kept so far, packed; free places hold the largest number."""
        over_ranges(self._cut, len(self._keys))
        return self._keys[:, : self._k].copy()

    def restore(self, state: np.ndarray) -> None:
        """Goes on from what `state` gave."""
        self._keys[:, : self._k] = np.sort(state, axis=1)
        self._filled[:] = (state != NO_PAIR).sum(axis=1)
        self._limits[:] = NO_PAIR
        self._worst[:] = state.max(axis=1)  # the largest number, which is no limit, where a line is not full

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """`(rows int32 [queries, k], distances float32 [queries, k])`, ascending, ties by lower row."""
        keys = self.state()
        over_ranges(lambda begin, end: keys[begin:end].sort(axis=1), len(keys))
        return (keys & 0xFFFFFFFF).astype(np.int32), (keys >> 32).astype(np.int32).view(np.float32)
