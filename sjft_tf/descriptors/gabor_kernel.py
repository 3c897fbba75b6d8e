"""The inner loops of Gabor descriptors on a CPU: from an image's cosine spectrum to counts, no response written out.

A response is a sum of products of cosines and sines, and each sum along an axis is a discrete Fourier transform of as
many numbers (J. Makhoul, "A fast cosine transform in one and two dimensions", IEEE ASSP 28(1), 1980). Real and
imaginary parts of a transform carry two such sums at once, which may be of different kinds. Columns are transformed
first, sixteen at a time, then rows, sixteen at a time; what is ready is counted while it lies in the nearest cache.
"""

from __future__ import annotations

import functools

import numpy as np

from sjft_tf.descriptors.counting_kernel import crowded_bin
from sjft_tf.descriptors.fourier import LANES, Loop, output_order, radices, transform
from sjft_tf.native import Kernel, compile_native

# Indices are seen to be no less than zero by this; a negative one would count from the end, and be tested for it.
_NOT_NEGATIVE = (1 << 62) - 1

# Which sums a transform carries along rows and along columns: 0 of cosines, 1 of sines, in its real and its imaginary
# part. The first pair is added and subtracted, the second one holds what is its own mirror image; see `GaborPlan`.
KINDS = (((0, 1), (0, 0)), ((1, 0), (1, 1))), (((0, 0), (0, 0)), ((0, 1), (1, 0)))
MIRRORED, OWN_MIRROR = 0, 1

_IMAGE = "float32[::1], float32[::1], int64[:, ::1], float32[::1]"

# Columns of a plan's lines: what is above, the four channels, the box of frequencies, where the two gains begin.
COLUMNS = ("kind", "channel0", "channel1", "channel2", "channel3", "top", "bottom", "left", "right", "gains0", "gains1")


def supported(size: int) -> bool:
    """Whether there are kernels for images of `size` x `size` pixels."""
    return size >= 3 * LANES and size % LANES == 0 and bool(radices(size))


def work_length(size: int) -> int:
    """float32 numbers that a kernel writes over: lines of two transforms, two images halfway, responses and scaling."""
    return _responses_at(size) + 16 * LANES


def _responses_at(size: int) -> int:
    return 4 * size * LANES + 4 * size * size


@functools.cache
def counting_kernel(size: int) -> Kernel:
    """Counts all responses to an image.

    Arguments of the kernel: spectrum float32 [size * size], the image's cosine coefficients; gains and plan, see
    `GaborPlan`; work float32 [work_length(size)], written over; scaling, starts, steps, table and edges, see
    `counting_kernel.count`; row uint32 [C * bins], added to; cells uint32 [8 * LANES], written over.

    Args:
        size: the image's height and width, `supported`.
    """
    columns, rows, count = _columns(size), _rows(size), _count(size)

    def gabor_counts(spectrum, gains, plan, work, scaling, starts, steps, table, edges, row, cells):  # type: ignore[no-untyped-def]
        for line in plan:
            columns(spectrum, gains, line, work)
            for block in range(size // LANES):
                rows(line, block, work)
                count(line, work, scaling, starts, steps, table, edges, row, cells)

    tables = "float32[:, ::1], uint32[:, ::1], uint32[::1], uint16[::1], float32[::1], uint32[::1], uint32[::1]"
    return compile_native(gabor_counts, f"void({_IMAGE}, {tables})")


@functools.cache
def bounds_kernel(size: int) -> Kernel:
    """Smallest and largest response of each channel: after `work` comes bounds float32 [2, C], widened."""
    columns, rows, combine, at = _columns(size), _rows(size), _combine(size), _responses_at(size)

    def gabor_bounds(spectrum, gains, plan, work, bounds):  # type: ignore[no-untyped-def]
        for line in plan:
            columns(spectrum, gains, line, work)
            for block in range(size // LANES):
                rows(line, block, work)
                for position in range(size):
                    combine(line[0], position, work)
                    for part in range(4):
                        low, high = bounds[0, line[1 + part]], bounds[1, line[1 + part]]
                        for i in range(at + part * LANES, at + (part + 1) * LANES):
                            low, high = min(low, work[i]), max(high, work[i])
                        bounds[0, line[1 + part]], bounds[1, line[1 + part]] = low, high

    return compile_native(gabor_bounds, f"void({_IMAGE}, float32[:, ::1])")


def _count(size: int) -> Loop:
    """Adds the responses at sixteen rows to `row`, for the four channels of a plan's line."""
    combine, at = _combine(size), _responses_at(size)
    origins, scales, limits = at + 4 * LANES, at + 8 * LANES, at + 12 * LANES

    def count(line, work, scaling, starts, steps, table, edges, row, cells):  # type: ignore[no-untyped-def]
        bins, crowded = len(row) // scaling.shape[1], False
        for part in range(4):
            channel = line[1 + part]
            crowded = crowded or steps[channel] > 1
            for i in range(part * LANES, (part + 1) * LANES):
                work[origins + i], work[scales + i] = scaling[0, channel], scaling[1, channel]
                work[limits + i] = scaling[2, channel]
                cells[4 * LANES + i] = starts[0, channel]
        f0, f1, f2, f3 = starts[1, line[1]], starts[1, line[2]], starts[1, line[3]], starts[1, line[4]]
        for position in range(size):
            combine(line[0], position, work)
            for i in range(4 * LANES):
                cell = (work[at + i] - work[origins + i]) * work[scales + i]
                cell = cell if cell > np.float32(0) else np.float32(0)
                cell = cell if cell < work[limits + i] else work[limits + i]
                cells[i] = np.uint32(np.int32(cell)) + cells[4 * LANES + i]
            if crowded:
                for i in range(4 * LANES):
                    channel = line[1 + i // LANES]
                    below, first = table[cells[i]], starts[1, channel]
                    row[crowded_bin(work[at + i], below, first, bins, steps[channel], edges)] += 1
                continue
            for i in range(LANES):
                # Neighbors often lie in one bin: four channels in turn, so that no increment waits for the last one.
                _add(work[at + i], table[cells[i]], f0, edges, row)
                _add(work[at + i + LANES], table[cells[i + LANES]], f1, edges, row)
                _add(work[at + i + 2 * LANES], table[cells[i + 2 * LANES]], f2, edges, row)
                _add(work[at + i + 3 * LANES], table[cells[i + 3 * LANES]], f3, edges, row)

    return count


def _add(value, edges_below, first, edges, row):  # type: ignore[no-untyped-def]
    edge = np.uint64(first) + np.uint64(edges_below)
    row[edge + np.uint64(value >= edges[edge])] += 1


def _fold(size: int) -> Loop:
    """Makes cosine coefficients in natural order, in place, the input of a Fourier transform."""
    im, half = size * LANES, size // 2
    angles = np.pi * np.arange(half) / (2 * size)
    cos, sin = (np.cos(angles) / 2).astype(np.float32), (np.sin(angles) / 2).astype(np.float32)
    middle = np.float32(np.sqrt(0.5))

    def fold(work, at):  # type: ignore[no-untyped-def]
        for k in range(1, half):
            c, s = cos[k], sin[k]
            for a in range(at + k * LANES, at + (k + 1) * LANES):
                b = a + (size - 2 * k) * LANES
                xr, xi, yr, yi = work[a], work[a + im], work[b], work[b + im]
                pr, pi, qr, qi = xr + yi, xi - yr, xr - yi, xi + yr
                work[a], work[a + im] = c * pr - s * pi, c * pi + s * pr
                work[b], work[b + im] = c * qr + s * qi, c * qi - s * qr
        for a in range(at + half * LANES, at + (half + 1) * LANES):
            work[a], work[a + im] = middle * work[a], middle * work[a + im]

    return fold


def _signs(size: int) -> np.ndarray:
    """float32 [size]: sums of sines are those of cosines of the reversed coefficients, every other one negated."""
    return np.where(output_order(size) < size // 2, 1, -1).astype(np.float32)


def _columns(size: int) -> Loop:
    """Transforms the columns of both transforms of a plan's line: `work` then holds them, row block by row block."""
    im, whole = size * LANES, size * size
    fold, fourier = _fold(size), transform(size)
    signs = np.stack([np.ones(size, np.float32), _signs(size)])
    of_sines = np.ascontiguousarray(np.array(KINDS)[:, :, 0])

    def columns(spectrum, gains, line, work):  # type: ignore[no-untyped-def]
        top, bottom, left, right = line[5], line[6], line[7], line[8]
        for which in range(2):
            halfway = 4 * im + which * 2 * whole
            place = line[9 + which]
            for first in range(left & _NOT_NEGATIVE, right, LANES):
                for i in range(2 * im):
                    work[i] = np.float32(0)
                for part in range(2):
                    sines = of_sines[line[0], which, part]
                    for k in range(max(top, sines) & _NOT_NEGATIVE, bottom):  # the sine of frequency 0 is nothing
                        row = ((size - k if sines else k) * LANES + part * im) & _NOT_NEGATIVE
                        gain = (place + (k - top) * LANES) & _NOT_NEGATIVE
                        for lane in range(LANES):
                            work[row + lane] = spectrum[first * size + k * LANES + lane] * gains[gain + lane]
                    place += (bottom - top) * LANES
                fold(work, 0)
                fourier(work, 0)
                for part in range(2):
                    sign = signs[of_sines[line[0], which, part]]
                    to = halfway + part * whole + (first - left) * LANES
                    for block in range(size // LANES):
                        there = (to + block * (right - left) * LANES) & _NOT_NEGATIVE
                        here = part * im + block * LANES * LANES
                        for i in range(LANES):
                            for j in range(LANES):
                                work[there + j * LANES + i] = work[here + i * LANES + j] * sign[block * LANES + i]

    return columns


def _rows(size: int) -> Loop:
    """Transforms sixteen rows of both transforms of a plan's line, at the beginning of `work`."""
    im, whole = size * LANES, size * size
    fold, fourier = _fold(size), transform(size)
    of_sines = np.ascontiguousarray(np.array(KINDS)[:, :, 1])

    def rows(line, block, work):  # type: ignore[no-untyped-def]
        left, right = line[7], line[8]
        for which in range(2):
            at = which * 2 * im
            for i in range(at, at + 2 * im):
                work[i] = np.float32(0)
            for part in range(2):
                sines = of_sines[line[0], which, part]
                here = 4 * im + (2 * which + part) * whole + (block * (right - left) - left) * LANES
                for k in range(max(left, sines) & _NOT_NEGATIVE, right):
                    row = at + part * im + (((size - k if sines else k) * LANES) & _NOT_NEGATIVE)
                    column = (here + k * LANES) & _NOT_NEGATIVE
                    for lane in range(LANES):
                        work[row + lane] = work[column + lane]
            fold(work, at)
            fourier(work, at)

    return rows


def _combine(size: int) -> Loop:
    """Sixteen responses of each of the four channels of a plan's line at one position, at the end of `work`."""
    im, to = size * LANES, _responses_at(size)
    sign = _signs(size)

    def combine(kind, position, work):  # type: ignore[no-untyped-def]
        s = sign[position]
        if kind == MIRRORED:
            for lane in range(LANES):
                a = position * LANES + lane
                pr, pi, qr, qi = work[a], work[a + im], s * work[a + 2 * im], s * work[a + 3 * im]
                work[to + lane], work[to + lane + LANES] = pr + qr, pi + qi
                work[to + lane + 2 * LANES], work[to + lane + 3 * LANES] = pr - qr, pi - qi
        else:
            for lane in range(LANES):
                a = position * LANES + lane
                work[to + lane], work[to + lane + LANES] = work[a], s * work[a + 2 * im]
                work[to + lane + 2 * LANES], work[to + lane + 3 * LANES] = work[a + im], work[a + 3 * im]

    return combine
