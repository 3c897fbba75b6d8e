"""The inner loop of counting on a CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from sjft_tf.native import compile_native


@functools.cache
def count_kernel(table: np.dtype) -> Callable[..., int]:
    """The compiled `count` for tables of that type, uint16 or uint32."""
    arrays = "float32[:, ::1], int32[:, ::1], float32[:, ::1], uint32[:, ::1], uint32[::1]"
    more = f"{table.name}[::1], float32[::1], uint32[::1], int64, uint16[::1], uint32[::1]"
    return compile_native(count, f"int32({arrays}, {more})")


def count(values, bits, scaling, starts, steps, table, edges, slots, width, row, cells):
    """Adds the counts of one line of values to `row`.

    Nothing is written between values and counts but the cells of one position: the first inner loop is vectorized
    by the compiler, the second is one look-up, one comparison and one increment a value. Indices are unsigned,
    because a signed one is tested for counting from the end. Any bits are safe as values.

    Args:
        values: float32 [P, C], contiguous.
        bits: the same memory as int32.
        scaling: float32 [3, C]: origin, scale and last cell of each channel's table.
        starts: uint32 [2, C]: where each channel's parts of `table` and of `edges` and `row` begin.
        steps: uint32 [C]: 1 where no cell holds two edges, else the first step of a bisection within a cell.
        table: unsigned, number of edges in earlier cells.
        edges: float32 [C * bins], distinct edges of a channel, the rest of its part filled with NaN.
        slots: uint32 [C * bins], never less than its index: where a count belongs if edges repeat; else empty.
        width: channels handled together, so that their counts and tables stay in the nearest cache.
        row: uint16 [C * bins], zeros on entry; so P is at most 65,535.
        cells: uint32 [width], overwritten.

    Returns:
        The largest bits & 0x7FFFFFFF: 0x7F800000 or more if a value is NaN or infinite.
    """
    positions, channels = values.shape
    bins = len(row) // channels
    largest = np.int32(0)
    for begin in range(0, channels, width):
        end = min(begin + width, channels)
        origin, scale, limit = scaling[0, begin:end], scaling[1, begin:end], scaling[2, begin:end]
        tables, firsts = starts[0, begin:end], starts[1, begin:end]
        crowded = False
        for channel in range(begin, end):
            crowded = crowded or steps[channel] > 1
        for position in range(positions):
            line, line_bits = values[position, begin:end], bits[position, begin:end]
            for channel in range(end - begin):
                cell = (line[channel] - origin[channel]) * scale[channel]
                # Written so that NaN ends up in cell 0.
                cell = cell if cell > np.float32(0) else np.float32(0)
                cell = cell if cell < limit[channel] else limit[channel]
                cells[channel] = np.uint32(np.int32(cell)) + tables[channel]
                largest = max(largest, line_bits[channel] & np.int32(0x7FFFFFFF))
            if crowded:
                for channel in range(end - begin):
                    first, below = firsts[channel], table[cells[channel]]
                    row[crowded_bin(line[channel], below, first, bins, steps[begin + channel], edges)] += 1
            else:
                for channel in range(end - begin):
                    here = np.uint64(channel)
                    edge = np.uint64(firsts[here]) + np.uint64(table[np.uint64(cells[here])])
                    row[edge + np.uint64(line[here] >= edges[edge])] += 1
    for slot in range(len(slots) - 1, -1, -1):
        if slots[slot] != slot:
            row[slots[slot]] = row[slot]
            row[slot] = 0
    return largest


def crowded_bin(value, edges_below, first, bins, step, edges):  # type: ignore[no-untyped-def]
    """The bin of a value in whose cell several edges may lie, by bisection.

    Args:
        value: float32.
        edges_below: how many edges lie in earlier cells.
        first: where the channel's part of `edges` and of the bins begins.
        bins: of the channel.
        step: the first one, a power of two.
        edges: float32 [C * bins], see `count`.
    """
    bin_index, last, step = np.int64(first) + np.int64(edges_below), np.int64(first) + bins - 1, np.int64(step)
    while step > 0:
        # Edges beyond the value's own cell are larger than it: stepping past them counts none.
        if value >= edges[min(bin_index + step - 1, last)]:
            bin_index += step
        step >>= 1
    return bin_index
