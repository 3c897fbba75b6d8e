"""Exact counting of values between edges: look-up table, then comparison with the edges, then counting.

`BinCounter` is made of TensorFlow ops, for graphs and GPUs; `cpu_counting.CpuBinCounter` is the fast one. Both give
the same counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_TABLE_CELLS = 2048
_TINY = np.finfo(np.float32).tiny
# Steeper tables would tell subnormal differences apart, which some threads compute with and some flush to zero.
_STEEPEST = np.float32(2.0**90)


def thresholds(edges: np.ndarray) -> np.ndarray:
    """Edges to compare float32 values with so that subnormal values count as zero, whatever the processor does.

    TensorFlow's threads treat subnormal numbers as zero, other threads do not. An edge at zero becomes the negative
    subnormal number furthest from it: with flushing that is zero, without it every subnormal value is at or above it.

    Args:
        edges: float32 [C, bins - 1], finite, not decreasing along a row.

    Returns:
        float32 [C, bins - 1], not decreasing along a row.
    """
    return np.where(np.abs(edges) < _TINY, np.nextafter(-_TINY, np.float32(0)), edges).astype(np.float32)


class UniformCells(NamedTuple):
    """The range of each channel's edges, cut into uniform cells: `cell(v) = int((v - origin) * scale)`.

    Attributes:
        origin: float32 [C].
        scale: float32 [C].
        of_edges: int32 [C, bins - 1], the cell of every edge.
    """

    origin: np.ndarray
    scale: np.ndarray
    of_edges: np.ndarray


def uniform_cells(edges: np.ndarray, cells: int) -> UniformCells:
    """Cuts the range of each channel's edges into uniform cells.

    Args:
        edges: float32 [C, bins - 1] as `thresholds` gives them.
        cells: number of cells.
    """
    first = np.where(np.abs(edges[:, 0]) < _TINY, np.float32(0), edges[:, 0])
    with np.errstate(over="ignore", divide="ignore"):
        scale = np.float32(cells - 1) / (edges[:, -1] - first)
    # Edges that (nearly) coincide, or lie further apart than float32 reaches: one cell, all edges compared with.
    usable = (scale >= _TINY) & (scale <= _STEEPEST)
    scale, origin = np.where(usable, scale, np.float32(0)), np.where(usable, first, np.float32(0))
    of_edges = np.clip((edges - origin[:, None]) * scale[:, None], 0, cells - 1)
    return UniformCells(origin, scale, of_edges.astype(np.int32))


class BinCounter:
    """Counts how many values of each channel fall between its edges; exact, in a graph, on CPU and GPU.

    The range of a channel's edges is cut into uniform cells, and `cell(v) = int((v - origin) * scale)` is computed in
    float32. Rounding is monotone, so cell(edge) < cell(v) proves edge < v and cell(edge) > cell(v) proves edge > v,
    if the edges' own cells are computed by the same two operations. A table then gives the number of edges in
    earlier cells, and only the edges of the value's own cell, mostly none or one, are left to compare with. The
    result equals `np.searchsorted(edges, v, side="right")` for every finite value, repeated edges included.
    Subnormal numbers, values or edges, count as zero; see `thresholds`.

    Args:
        edges: float32 [C, bins - 1], finite, not decreasing along a row.
    """

    def __init__(self, edges: np.ndarray):
        edges = thresholds(edges)
        self.channels, self.bins = edges.shape[0], edges.shape[1] + 1
        self._origin, self._scale, cells = uniform_cells(edges, _TABLE_CELLS)
        inside = _edges_in_cells(cells, _TABLE_CELLS)
        # One +inf more than edges in each row, so that looking one past the last edge stays in the row.
        self._padded = np.concatenate([edges, np.full_like(edges[:, :1], np.inf)], axis=1)
        earlier = np.cumsum(inside, axis=1) - inside
        self._start = (earlier + np.arange(self.channels)[:, None] * self.bins).astype(np.int32)
        # A search among m edges has m + 1 outcomes; each comparison halves them.
        self._steps = [1 << n for n in reversed(range(int(inside.max()).bit_length()))]
        # One fused pass over the values instead of ten. Not on a GPU: there XLA needs a CUDA toolkit installed.
        self._fused = tf.function(self.bins_of, autograph=False, jit_compile=not tf.config.list_physical_devices("GPU"))
        self._last = (np.arange(self.channels) * self.bins + self.bins - 1).astype(np.int32)

    def bins_of(self, values: tf.Tensor) -> tf.Tensor:
        """float32 [..., C] -> int32 [..., C]: bin of each value plus `bins` times its channel."""
        cell = tf.clip_by_value((values - self._origin) * self._scale, 0.0, _TABLE_CELLS - 1.0)
        table_index = tf.cast(cell, tf.int32) + np.arange(self.channels, dtype=np.int32) * _TABLE_CELLS
        bins = tf.gather(self._start.ravel(), table_index)
        edges = tf.constant(self._padded.ravel())
        for step in self._steps:
            # Edges beyond the value's own cell are larger than it, so stepping past them never counts one.
            probe = bins + (step - 1)
            if step > 1:
                probe = tf.minimum(probe, self._last)
            bins += tf.cast(values >= tf.gather(edges, probe), tf.int32) * step
        return bins

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """float32 [N, P, C] -> int32 counts [N, C, bins] of each line's P values a channel."""
        lines = tf.reshape(self._fused(values), [tf.shape(values)[0], -1])
        size = self.channels * self.bins
        counts = tf.math.bincount(lines, minlength=size, maxlength=size, axis=-1)
        return tf.reshape(counts, [-1, self.channels, self.bins])

    def total(self, values: tf.Tensor) -> tf.Tensor:
        """float32 [N, P, C] -> int32 counts [C, bins] of all N lines together."""
        size = self.channels * self.bins
        counts = tf.math.bincount(tf.reshape(self._fused(values), [-1]), minlength=size, maxlength=size)
        return tf.reshape(counts, [self.channels, self.bins])


def _edges_in_cells(cells: np.ndarray, number: int) -> np.ndarray:
    """int [C, number]: how many of a channel's edges lie in each cell."""
    offset = np.arange(len(cells))[:, None] * number
    return np.bincount((cells + offset).ravel(), minlength=len(cells) * number).reshape(len(cells), number)


def lines_of(layer: tf.Tensor) -> tf.Tensor:
    """[N, h, w, C] -> [N, h * w, C]."""
    return tf.reshape(layer, [tf.shape(layer)[0], -1, layer.shape[-1]])
