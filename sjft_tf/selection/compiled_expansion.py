"""The compiled loops of the expansion, for machines without a GPU: only prefixes are read, nothing is masked.

They release the interpreter's lock, so that several threads can work on parts of the lines.
"""

from __future__ import annotations

import numpy as np

from sjft_tf.native import native
from sjft_tf.parallel import over_ranges

# Lines a thread works on at least: below this, starting it takes longer than it saves.
_LEAST = 256


@native("void(int32[:, ::1], int64[::1], boolean[::1], int64, int64)")
def _mark(neighbors, counts, marks, begin, end):  # type: ignore[no-untyped-def]
    # Threads may write to the same place; all of them write True.
    for line in range(begin, end):
        for row in neighbors[line, : counts[line]]:
            marks[row] = True


@native("void(int32[:, ::1], int64[::1], boolean[::1], int64[::1], int64, int64)")
def _count(neighbors, counts, usable, lengths, begin, end):  # type: ignore[no-untyped-def]
    for line in range(begin, end):
        usable_rows = 0
        for row in neighbors[line, : counts[line]]:
            usable_rows += usable[row]
        lengths[line] = usable_rows if usable_rows else counts[line]


@native("void(int32[:, ::1], int64[::1], boolean[::1], int64[::1], int64[::1], int32[::1], int64, int64)")
def _fill(neighbors, counts, usable, starts, lengths, rows, begin, end):  # type: ignore[no-untyped-def]
    for line in range(begin, end):
        position, count = starts[line], counts[line]
        if lengths[line] == count:
            for place in range(count):
                rows[position + place] = neighbors[line, place]
            continue
        for row in neighbors[line, :count]:
            if usable[row]:
                rows[position] = row
                position += 1


def _arrays(neighbors: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(neighbors, np.int32), np.ascontiguousarray(counts, np.int64)


def union_mask(neighbors: np.ndarray, counts: np.ndarray, num_source: int) -> np.ndarray:
    """`expansion.union_mask` on arrays: bool [num_source]."""
    neighbors, counts = _arrays(neighbors, counts)
    marks = np.zeros(num_source, bool)
    over_ranges(lambda begin, end: _mark(neighbors, counts, marks, begin, end), len(counts), _LEAST)
    return marks


def own_pools(
    neighbors: np.ndarray, counts: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`expansion.own_pools` on arrays: rows int32 [M], starts int64 [N_t], lengths int64 [N_t]."""
    neighbors, counts = _arrays(neighbors, counts)
    lengths = np.empty(len(counts), np.int64)
    over_ranges(lambda begin, end: _count(neighbors, counts, usable, lengths, begin, end), len(counts), _LEAST)
    starts = np.cumsum(lengths) - lengths
    rows = np.empty(lengths.sum(), np.int32)
    over_ranges(
        lambda begin, end: _fill(neighbors, counts, usable, starts, lengths, rows, begin, end), len(counts), _LEAST
    )
    return rows, starts, lengths
