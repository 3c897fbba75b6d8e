"""Exact divergences of chosen pairs of images only: the second half of the approximate search."""

from __future__ import annotations

import functools

import numpy as np

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.native import native
from sjft_tf.parallel import over_ranges
from sjft_tf.retrieval.divergence import Layout, relative_logs

_BLOCK_ROWS = 256
# Histograms and logarithms of 256 rows and 1,024 columns are 2 MiB, about what a core has as a cache of its own.
_CHUNK = 1024


def pair_distances(
    target_histograms: np.ndarray, candidates: np.ndarray, store: DescriptorStore, layout: Layout
) -> np.ndarray:
    """The symmetric KL divergence of every target image and each of its candidates.

    The sum is taken as it is defined, over `(t - s) (L(t) - L(s))`: all terms are >= 0, so nothing cancels. Source
    descriptors are read block by block in ascending order, each once, and only those that are some target's candidate.

    Args:
        target_histograms: float32 [N_t, D].
        candidates: int32 [N_t, c], source rows, ascending along each line.
        store: descriptors of the source.
        layout: how the D columns are divided.

    Returns:
        float32 [N_t, c], >= 0.
    """
    distances = np.zeros(candidates.shape, np.float32)
    needed = np.zeros(store.images, bool)
    needed[candidates] = True
    rows = np.flatnonzero(needed).astype(np.int32)
    position = np.zeros(store.images, np.int32)
    position[rows] = np.arange(len(rows))
    chunks, weights = _chunks(layout)
    logs = relative_logs(target_histograms, layout)
    begun, ends = np.zeros(len(logs), np.int64), np.empty(len(logs), np.int64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        chosen = rows[start : start + _BLOCK_ROWS]
        block = store.histograms(chosen)
        block_logs = relative_logs(block, layout)
        arrays = (target_histograms, logs, block, block_logs, candidates, distances, begun, ends, position)
        add = functools.partial(_add_block, *arrays, start, chosen[-1], chunks, weights)
        over_ranges(add, len(logs))
    return distances


def _chunks(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Ends int64 [n, 2] of stretches of columns, none across two layers, and half of each one's weight."""
    ends, weights, first = [], [], 0
    for channels in layout.layer_channels:
        last = first + layout.bins * channels
        for start in range(first, last, _CHUNK):
            ends.append((start, min(start + _CHUNK, last)))
            weights.append(0.5 / channels)
        first = last
    return np.array(ends, np.int64), np.array(weights, np.float32)


@native(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[:, ::1], int32[:, ::1], float32[:, ::1],"
    "int64[::1], int64[::1], int32[::1], int64, int64, int64[:, ::1], float32[::1], int64, int64)",
    fastmath={"reassoc", "contract", "nsz"},
    error_model="python",
)
def _add_block(
    target,
    target_logs,
    source,
    source_logs,
    candidates,
    distances,
    begun,
    ends,
    position,
    start,
    last_row,
    chunks,
    weights,
    first,
    stop,
):
    """Adds to `distances` the divergences of the candidates up to `last_row`, of targets first..stop.

    Stretches of columns come outermost, so that those of the whole block stay in the processor's cache while the
    targets pass by.
    """
    for i in range(first, stop):
        end = begun[i]
        while end < candidates.shape[1] and candidates[i, end] <= last_row:
            end += 1
        ends[i] = end
    for n in range(len(chunks)):
        low, high = chunks[n, 0], chunks[n, 1]
        for i in range(first, stop):
            t, lt = target[i, low:high], target_logs[i, low:high]
            for p in range(begun[i], ends[i]):
                j = position[candidates[i, p]] - start
                s, ls = source[j, low:high], source_logs[j, low:high]
                total = np.float32(0)
                for c in range(high - low):
                    total += (t[c] - s[c]) * (lt[c] - ls[c])
                distances[i, p] += weights[n] * total
    for i in range(first, stop):
        begun[i] = ends[i]
