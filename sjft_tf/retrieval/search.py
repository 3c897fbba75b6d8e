"""Exact nearest neighbors in a stream of source descriptors: one matrix product a block, a running top-K, forget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.parallel import over_ranges
from sjft_tf.retrieval.divergence import Distance, Layout, Products, aligned
from sjft_tf.retrieval.topk import NO_PAIR, RunningTopK
from sjft_tf.rounding import padded

_MB = 1 << 20
_LEAST_SLACK, _MOST_SLACK = 256, 8192


class Found(NamedTuple):
    """What the search of some source images found, to be merged with that of others.

    Attributes:
        rows: int32 [n], the source rows that were searched, ascending.
        counts: int32 [N_t], how many of `pairs` are of each target image.
        pairs: int64 [sum of counts], target image after target image: distance and source row packed (see `topk`).
    """

    rows: np.ndarray
    counts: np.ndarray
    pairs: np.ndarray


class Search:
    """The k nearest source images of every target image so far, by symmetric KL divergence (or `Cosine`).

    Source descriptors are taken in any number and order and forgotten: what is kept is the target, one block of
    `Products.SOURCE_ROWS` descriptors, and the lists. Neither the blocks nor their order change the result.

    Args:
        target_histograms: float32 [N_t, D]. Not kept.
        k: neighbors for each target image, at least 1.
        layout: how the D columns are divided into layers, filters and bins; or another distance.
        memory_mb: most memory that target, block and lists may take, in MiB; 0 (default) is no limit.

    Raises:
        InputError: no target images, k out of range, histograms of another size, or too little memory.
    """

    def __init__(self, target_histograms: np.ndarray, k: int, layout: Distance, memory_mb: float = 0):
        target_histograms = np.ascontiguousarray(target_histograms, np.float32)
        layout.check(target_histograms, "Target")
        if len(target_histograms) == 0:
            raise InputError("There are no target images to find neighbors of.")
        if k < 1:
            raise InputError(f"`k` must be between 1 and the number of source images. Received: k={k}")
        slack = _slack(len(target_histograms), k, layout, memory_mb)
        self._layout, self._k = layout, k
        self._best = RunningTopK(len(target_histograms), k, slack)
        self._products = Products(target_histograms, layout)
        self._seen = np.zeros(0, bool)
        self._rows = np.empty(Products.SOURCE_ROWS, np.int32)
        self._augmented = aligned((Products.SOURCE_ROWS, layout.width))
        self._products.settle(self._augmented)
        self._augmented[:] = 0  # any finite values: they stand in missing rows' places
        self._own = np.empty(Products.SOURCE_ROWS, np.float32)
        self._pieces: list[tuple[int, np.ndarray]] = []
        self._filled = 0

    def add(self, rows: np.ndarray, histograms: np.ndarray) -> None:
        """Takes the descriptors float32 [n, D] of the source rows int32 [n], none of which was taken before.

        The array may be looked at until the next blocks have come, so it must not be used for other things.
        """
        self._layout.check(histograms, "Source")
        histograms = np.ascontiguousarray(histograms, np.float32)
        self._mark(rows)
        start = 0
        while start < len(rows):
            count = min(len(self._rows) - self._filled, len(rows) - start)
            self._rows[self._filled : self._filled + count] = rows[start : start + count]
            self._pieces.append((self._filled, histograms[start : start + count]))
            start, self._filled = start + count, self._filled + count
            if self._filled == len(self._rows):
                self._flush()

    def _flush(self) -> None:
        if self._filled:
            # Here, in threads, and not as they come: copying alone would take a core a tenth of the products' time.
            over_ranges(self._augment, len(self._pieces))
            products = self._products(self._augmented)
            self._best.offer(self._rows[: self._filled], products, self._own, self._products.own)
            self._pieces, self._filled = [], 0

    def _augment(self, begin: int, end: int) -> None:
        for first, piece in self._pieces[begin:end]:
            rows = slice(first, first + len(piece))
            self._layout.of_source(piece, self._augmented[rows], self._own[rows])

    def _mark(self, rows: np.ndarray) -> None:
        beyond = int(rows.max(initial=-1)) + 1 - len(self._seen)
        if beyond > 0:
            self._seen = np.pad(self._seen, (0, beyond + (1 << 16)))
        if self._seen[rows].any():
            raise ValueError(f"Source row {rows[self._seen[rows]][0]} was searched before.")
        self._seen[rows] = True

    def missing(self, source_size: int) -> np.ndarray:
        """Those of the rows 0 to source_size - 1 that were not taken yet, int32, ascending."""
        seen = np.zeros(source_size, bool)
        known = min(source_size, len(self._seen))
        seen[:known] = self._seen[:known]
        return np.flatnonzero(~seen).astype(np.int32)

    def state(self) -> dict[str, np.ndarray]:
        """What `restore` needs to go on from here: `{"seen": uint8, "best": int64 [N_t, k]}`."""
        self._flush()
        return {"seen": np.packbits(self._seen), "best": self._best.state()}

    @property
    def targets(self) -> int:
        """Number of target images N_t."""
        return self._best.shape[0]

    @property
    def limits(self) -> np.ndarray:
        """int64 [N_t]: pairs from here on, packed, are not among the k nearest of what has been taken."""
        self._flush()
        return self._best.limits

    def restart(self, limits: np.ndarray) -> None:
        """Forgets every source image; from now on pairs below `limits` int64 [N_t] of another search count alone."""
        self._seen[:] = False
        self._pieces, self._filled = [], 0
        self._best.clear(limits)

    def found(self) -> Found:
        """What was found since `restart`: at most k pairs of each target image, all that `limits` leaves."""
        best = self.state()["best"]
        kept = best != NO_PAIR
        return Found(np.flatnonzero(self._seen).astype(np.int32), kept.sum(axis=1, dtype=np.int32), best[kept])

    def merge(self, found: Found) -> None:
        """Takes what another search of the same target found in source rows none of which was taken here before.

        The lists are those of one search over all of them, bit by bit, whatever the division, the order, and the limits
        that the other one was given from here, at whatever time.
        """
        self._flush()
        self._mark(found.rows)
        self._best.offer_pairs(found.counts, found.pairs)

    def misfit(self, found: Found) -> str | None:
        """Why `found` cannot be merged, in words; None if it can."""
        if found.counts.shape != self._best.shape[:1] or (found.counts < 0).any():
            return f"it is of {len(found.counts)} target images, not of {self._best.shape[0]}"
        if found.counts.sum(dtype=np.int64) != len(found.pairs) or (found.pairs < 0).any():
            return "its lists are incomplete"
        if not np.isin(found.pairs & 0xFFFFFFFF, found.rows).all():
            return "its lists name source images that were not searched"
        known = found.rows[found.rows < len(self._seen)]
        return "its source images were searched already" if self._seen[known].any() else None

    def unfit(self, state: dict[str, np.ndarray]) -> str | None:
        """Why `state` cannot be that of such a search, in words; None if it can."""
        seen, best = np.unpackbits(state["seen"]).astype(bool), state["best"]
        if best.shape != self._best.shape:
            return f"its lists have shape {best.shape}, {self._best.shape} are expected"
        pairs = best[best != NO_PAIR]
        rows, distances = pairs & 0xFFFFFFFF, (pairs >> 32).astype(np.int32).view(np.float32)
        if not np.isfinite(distances).all() or (pairs < 0).any():
            return "its lists hold distances that are none"
        if rows.max(initial=-1) >= len(seen) or not seen[rows].all():
            return "its lists name source images that were not searched"
        lines = np.sort(np.where(best == NO_PAIR, -1 - np.arange(best.shape[1]), best & 0xFFFFFFFF), axis=1)
        return "a list names a source image twice" if (np.diff(lines, axis=1) == 0).any() else None

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from what `state` gave, in place of everything taken so far."""
        self._seen = np.unpackbits(state["seen"]).astype(bool)
        self._best.restore(state["best"])
        self._pieces, self._filled = [], 0

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """The neighbors: rows int32 [N_t, k] and distances float32 [N_t, k], ascending by (distance, row).

        Raises:
            InputError: fewer than k source rows were taken.
        """
        taken = int(self._seen.sum())
        if self._k > taken:
            raise InputError(f"`k` must be between 1 and {taken}, the number of source images. Received: k={self._k}")
        self._flush()
        return self._best.result()


def _slack(targets: int, k: int, layout: Distance, memory_mb: float) -> int:
    """How many pairs a list may hold beyond k."""
    wanted = min(max(k, 2048), _MOST_SLACK)
    if not memory_mb:
        return wanted
    # Target: the factor and, while that is made, the descriptors and the factor once more. Source: one block of the
    # factor's width, its products, and twice as many descriptors on their way.
    target, source = layout.dimensions + 2 * layout.width, 2 * layout.dimensions + layout.width
    columns = padded(targets)
    fixed = 4 * (target * columns + source * Products.SOURCE_ROWS) + 4 * Products.SOURCE_ROWS * columns
    room = int((memory_mb * _MB - fixed) / (8 * targets)) - k
    if room < _LEAST_SLACK:
        least = -(-(fixed + 8 * targets * (k + _LEAST_SLACK)) // _MB)
        raise InputError(
            f"{targets} target images with {layout.dimensions} numbers each and lists of {k} neighbors need at least "
            f"{least} MiB to be searched. Received: --search_memory_mb={memory_mb:g}. Give more, or use shorter lists "
            "(--max_neighbors), fewer target images or, of a filter bank, fewer bins (--bins)."
        )
    return min(wanted, room)


def nearest(
    target_histograms: np.ndarray,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    k: int,
    layout: Layout,
    memory_mb: float = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest source images of every target image, from a stream of descriptors; see `Search`.

    Args:
        target_histograms: float32 [N_t, D].
        blocks: `(rows int32 [n], histograms float32 [n, D])`, every source row once, any order.
        k: neighbors for each target image, from 1 to the number of source rows.
        layout: how the D columns are divided.
        memory_mb: see `Search`.
    """
    search = Search(target_histograms, k, layout, memory_mb)
    for rows, histograms in blocks:
        search.add(rows, histograms)
    return search.result()
