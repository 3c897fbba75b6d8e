"""Exact counting of values between edges in a CPU's memory, by a compiled kernel."""

from __future__ import annotations

import numpy as np

from sjft_tf.descriptors.counting import UniformCells, thresholds, uniform_cells
from sjft_tf.descriptors.counting_kernel import count_kernel

_TABLE_CELLS = (256, 512, 1024, 2048, 4096, 8192)
# Channels handled together: all of them, or blocks of some where there are many, whose counts fit the nearest cache.
_TOGETHER, _BLOCK = 96, 32
_INFINITY_BITS = 0x7F800000
_FITS_16_BITS = 2**16 - 1


class CpuBinCounter:
    """Counts like `counting.BinCounter`, several times as fast, on arrays in a CPU's memory; from any threads.

    Same cells, but as many in each channel as leave at most one edge in any cell, so that a value costs one look-up
    and one comparison. Repeated edges are compared with once: the kernel counts between *distinct* edges and then
    moves a count to the bin that as many of all edges lie below. Channels whose edges crowd even the finest table
    bisect within a cell.

    Args:
        edges: float32 [C, bins - 1], finite, not decreasing along a row.

    Attributes:
        bins: of each channel.
        channels: C.
        tables: scaling, starts, steps, table and edges, as the kernels take them; see `counting_kernel.count`.
    """

    def __init__(self, edges: np.ndarray):
        edges = thresholds(edges)
        channels, self.bins = edges.shape[0], edges.shape[1] + 1
        self.channels = channels
        distinct = np.concatenate([np.full((channels, 1), True), edges[:, 1:] > edges[:, :-1]], axis=1)
        sizes, cells_of_size = _table_sizes(edges, distinct)
        starts = np.cumsum(sizes) - sizes
        # One type for all usual numbers of bins, so that the kernel is compiled once.
        table = np.empty(sizes.sum(), np.uint16 if self.bins <= 2**16 else np.uint32)
        steps = np.empty(channels, np.uint32)
        padded = np.full((channels, self.bins), np.nan, np.float32)
        slots = np.tile(np.arange(self.bins), (channels, 1))
        for channel, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            once = distinct[channel]
            cells = cells_of_size[size].of_edges[channel, once]
            inside = np.bincount(cells, minlength=size)
            table[start : start + size] = np.cumsum(inside) - inside
            steps[channel] = 1 << (int(inside.max()).bit_length() - 1)
            padded[channel, : once.sum()] = edges[channel, once]
            slots[channel, 1 : once.sum() + 1] = np.append(np.flatnonzero(once)[1:], self.bins - 1)
        origins = [cells_of_size[size].origin[channel] for channel, size in enumerate(sizes)]
        scales = [cells_of_size[size].scale[channel] for channel, size in enumerate(sizes)]
        firsts = np.arange(channels) * self.bins
        self.tables = (
            np.array([origins, scales, sizes - 1], np.float32),
            np.array([starts, firsts], np.uint32),
            steps,
            table,
            padded.ravel(),
        )
        self._slots = (slots + firsts[:, None]).ravel().astype(np.uint32)[: 0 if distinct.all() else None]
        self._width = channels if channels <= _TOGETHER else _BLOCK

    def count_line(self, line: np.ndarray, row: np.ndarray) -> bool:
        """Counts one line of values, without holding Python's lock.

        Args:
            line: float32 [P, C], contiguous.
            row: uint16 (for P up to 65,535) or uint32 [C * bins], zeros; receives the counts.

        Returns:
            Whether all values are finite; if not, the counts mean nothing.
        """
        if row.dtype == np.uint16:
            kernel, cells = count_kernel(self.tables[3].dtype), np.empty(self._width, np.uint32)
            arrays = (line, line.view(np.int32), *self.tables, self._slots, self._width, row, cells)
            return bool(kernel(*arrays) < _INFINITY_BITS)
        finite = True
        for first in range(0, len(line), _FITS_16_BITS):
            part = np.zeros(len(row), np.uint16)
            finite &= self.count_line(line[first : first + _FITS_16_BITS], part)
            row += part
        return finite

    def between_all_edges(self, counts: np.ndarray) -> np.ndarray:
        """Counts between distinct edges, [N, C * bins], where they belong if edges repeat."""
        if not len(self._slots):
            return counts
        moved = np.zeros_like(counts)
        used = counts.any(axis=0)  # no two of them move to one place
        moved[:, self._slots[used]] = counts[:, used]
        return moved

    def __call__(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float32 [N, P, C] -> counts [N, C, bins] of each line's P values, and bool [N], whether they are finite."""
        values = np.ascontiguousarray(values, np.float32)
        counts = np.zeros((len(values), self.channels * self.bins), count_dtype(values.shape[1]))
        finite = [self.count_line(line, row) for line, row in zip(values, counts, strict=True)]
        return counts.reshape(-1, self.channels, self.bins), np.array(finite, bool)


def count_dtype(positions: int) -> type[np.unsignedinteger]:
    """The type that holds counts of that many positions: uint16, or uint32 for more than 65,535."""
    return np.uint16 if positions <= _FITS_16_BITS else np.uint32


def _table_sizes(edges: np.ndarray, distinct: np.ndarray) -> tuple[np.ndarray, dict[int, UniformCells]]:
    """For each channel the fewest cells that keep its distinct edges apart, and `uniform_cells` for each number."""
    sizes = np.zeros(len(edges), np.int64)
    cells_of_size: dict[int, UniformCells] = {}
    for size in _TABLE_CELLS:
        cells_of_size[size] = uniform_cells(edges, size)
        # Cells do not decrease along a row: two edges share one if they are neighbors.
        shared = (np.diff(cells_of_size[size].of_edges, axis=1) == 0) & distinct[:, 1:]
        sizes[(sizes == 0) & ~shared.any(axis=1)] = size
        if sizes.all():
            break
    sizes[sizes == 0] = _TABLE_CELLS[-1]
    return sizes, cells_of_size
