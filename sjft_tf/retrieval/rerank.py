"""Exact divergences of chosen pairs of images only: the second half of the approximate search."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.retrieval.candidates import cores
from sjft_tf.retrieval.divergence import EPSILON, Layout

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
    found = np.zeros(candidates.shape, np.float32)
    needed = np.zeros(store.images, bool)
    needed[candidates] = True
    rows = np.flatnonzero(needed).astype(np.int32)
    place = np.zeros(store.images, np.int32)
    place[rows] = np.arange(len(rows))
    chunks, weights = _chunks(layout)
    logs = np.empty_like(target_histograms)
    workers = cores()
    parts = _shares(len(logs), workers)
    begun = np.zeros(len(logs), np.int64)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda part: _logs(target_histograms, logs, part, layout.bins), parts))
        for start in range(0, len(rows), _BLOCK_ROWS):
            chosen = rows[start : start + _BLOCK_ROWS]
            block, block_logs = _read(chosen, store, layout.bins, pool, workers)
            jobs = [
                pool.submit(
                    _add_block,
                    *(target_histograms, logs, block, block_logs, candidates, found, begun, place),
                    *(start, chosen[-1], chunks, weights, part.start, part.stop),
                )
                for part in parts
            ]
            for job in jobs:
                job.result()
    return found


def _shares(count: int, workers: int) -> list[range]:
    return [range(n * count // workers, (n + 1) * count // workers) for n in range(workers)]


def _read(
    rows: np.ndarray, store: DescriptorStore, bins: int, pool: ThreadPoolExecutor, workers: int
) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of `rows` and their logarithms, float32 [n, D]."""
    block = np.empty((len(rows), store.dimensions), np.float32)
    logs = np.empty_like(block)

    def read(part: range) -> None:
        block[part.start : part.stop] = store.histograms(rows[part.start : part.stop])
        _logs(block, logs, part, bins)

    list(pool.map(read, _shares(len(rows), workers)))
    return block, logs


def _logs(histograms: np.ndarray, logs: np.ndarray, part: range, bins: int) -> None:
    """Writes log(bins * (x + EPSILON)), as `divergence.relative_logs`, into some lines of `logs`."""
    lines = logs[part.start : part.stop]
    np.add(histograms[part.start : part.stop], np.float32(EPSILON), out=lines)
    np.multiply(lines, np.float32(bins), out=lines)
    np.log(lines, out=lines)


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


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _add_block(
    target,
    target_logs,
    source,
    source_logs,
    candidates,
    found,
    begun,
    place,
    start,
    last_row,
    chunks,
    weights,
    first,
    stop,
):
    """Adds to `found` the divergences of the candidates up to `last_row`, of targets first..stop.

    Stretches of columns come outermost, so that those of the whole block stay in the processor's cache while the
    targets pass by.
    """
    ends = np.empty(stop - first, np.int64)
    for i in range(first, stop):
        end = begun[i]
        while end < candidates.shape[1] and candidates[i, end] <= last_row:
            end += 1
        ends[i - first] = end
    for n in range(len(chunks)):
        low, high = chunks[n, 0], chunks[n, 1]
        for i in range(first, stop):
            t, lt = target[i, low:high], target_logs[i, low:high]
            for p in range(begun[i], ends[i - first]):
                j = place[candidates[i, p]] - start
                s, ls = source[j, low:high], source_logs[j, low:high]
                total = np.float32(0)
                for c in range(high - low):
                    total += (t[c] - s[c]) * (lt[c] - ls[c])
                found[i, p] += weights[n] * total
    begun[first:stop] = ends
