"""The compiled loops of the search: logarithms of histograms, and the running lists of nearest neighbors.

They release the interpreter's lock, so that several threads can work on parts of the arrays.
"""

from __future__ import annotations

import numpy as np

from sjft_tf.native import native

# Reassociation lets sums run in vector lanes: always the same ones for the same length, so results repeat bit by bit.
_FAST = {"reassoc", "contract", "nsz", "arcp"}
_AT_ONCE = 8  # rows that share one reading of the right matrix


@native("void(float32[:, ::1], float32, float32, float32[::1], boolean, float32[:, ::1], float32[::1])", fastmath=_FAST)
def augment(histograms, bins, epsilon, weights, logs_first, augmented, own):  # type: ignore[no-untyped-def]
    """Histograms and their logarithms L = log(bins * (histograms + epsilon)), side by side.

    Args:
        histograms: float32 [n, D], from 0 to 1.
        bins: float32.
        epsilon: float32.
        weights: float32 [D].
        logs_first: whether the logarithms are the first D columns or the last.
        augmented: float32 [n, 2D], written.
        own: float32 [n], written: sum of weights * histograms * L.
    """
    # log(2^e * (1 + f)) with 1 + f from sqrt(1/2) to sqrt(2), and log(1 + f) = 2 atanh(s), s = f / (2 + f), as a
    # polynomial in s^2; written so that the compiler works on a vector of values at once. log 2 is added in two parts,
    # the first exact in the product with e.
    width = histograms.shape[1]
    for row in range(len(histograms)):
        start = 0 if logs_first else width
        values, logs = histograms[row], augmented[row, start : start + width]
        bits, copies = logs.view(np.int32), augmented[row, width - start : 2 * width - start]
        for column in range(width):
            copies[column] = values[column]
            logs[column] = (values[column] + epsilon) * bins
        total = np.float32(0)
        for column in range(width):
            raw = bits[column]
            exponent = (raw - np.int32(0x3F3504F3)) >> np.int32(23)
            bits[column] = raw - (exponent << np.int32(23))
            f = logs[column] - np.float32(1)
            e = np.float32(exponent)
            s = f / (np.float32(2) + f)
            z = s * s
            tail = np.float32(0.28498786688) + z * np.float32(0.24279078841)
            tail = z * (np.float32(0.66666662693) + z * (np.float32(0.40000972152) + z * tail))
            half = np.float32(0.5) * f * f
            small = s * (half + tail) + e * np.float32(9.0580006145e-06)
            value = small - half + f + e * np.float32(0.69313812256)
            logs[column] = value
            total += values[column] * value * weights[column]
        own[row] = total


@native("void(float64[:, ::1], float64[::1])")
def lengths(vectors, norms):  # type: ignore[no-untyped-def]
    """Writes the Euclidean length of each row of float64 [n, F] into float64 [n], added up from left to right."""
    for row in range(len(vectors)):
        total = 0.0
        for column in range(vectors.shape[1]):
            total += vectors[row, column] * vectors[row, column]
        norms[row] = np.sqrt(total)


def multiply_in_order(left: np.ndarray, right: np.ndarray, products: np.ndarray, begin: int, end: int) -> None:
    """The rows begin..end of a matrix product, each number a sum from left to right in float64.

    Nothing is reassociated or contracted, so every product has the same bits wherever it stands, on any processor.

    Args:
        left: float32 [n, W].
        right: float32 [W, m].
        products: float32 [n, m], written.
    """
    sums = np.empty((_AT_ONCE, right.shape[1]), np.float64)
    _multiply_in_order(left, right, products, begin, end, sums)


@native("void(float32[:, ::1], float32[:, ::1], float32[:, ::1], int64, int64, float64[:, ::1])")
def _multiply_in_order(left, right, products, begin, end, sums):  # type: ignore[no-untyped-def]
    at_once, columns = sums.shape
    for first in range(begin, end, at_once):
        count = min(at_once, end - first)
        for row in range(count):
            for column in range(columns):
                sums[row, column] = 0.0
        for inner in range(right.shape[0]):
            line = right[inner]
            for row in range(count):
                value, total = np.float64(left[first + row, inner]), sums[row]
                for column in range(columns):
                    total[column] += value * np.float64(line[column])
        for row in range(count):
            for column in range(columns):
                products[first + row, column] = sums[row, column]


def offer(
    products: np.ndarray,
    own_source: np.ndarray,
    own_target: np.ndarray,
    rows: np.ndarray,
    keys: np.ndarray,
    filled: np.ndarray,
    worst: np.ndarray,
    begin: int,
    end: int,
    first: int,
) -> int:
    """Puts the pairs that may be among the nearest into the lists of the targets begin..end, until one is full.

    Args:
        products: float32 [n, targets or more].
        own_source: float32 [n]; own_target: float32 [targets]. The distance is (own + own - product) / 2, at least 0.
        rows: int32 [n], the source rows.
        keys: int64 [targets, width]; distance and row in one number (see `topk`).
        filled: int64 [targets], keys of each line in use, less than width.
        worst: int64 [targets]; keys from here on are not wanted.
        begin, end: the targets to work on.
        first: the source image to begin with, 0 to n.

    Returns:
        The source image to go on with once full lines have been cut back; n when all are done.
    """
    count = end - begin
    distances, limits = np.empty(count, np.float32), np.empty(count, np.int32)
    near = np.zeros((count + 7) // 8 * 8, np.uint8)
    arrays = (products, own_source, own_target, rows, keys, filled, worst, begin, end, first)
    return int(_offer(*arrays, distances, distances.view(np.int32), limits, near, near.view(np.uint64)))


@native(
    "int64(float32[:, ::1], float32[::1], float32[::1], int32[::1], int64[:, ::1], int64[::1], int64[::1], int64,"
    "int64, int64, float32[::1], int32[::1], int32[::1], uint8[::1], uint64[::1])",
    error_model="python",
)
def _offer(  # type: ignore[no-untyped-def]
    products,
    own_source,
    own_target,
    rows,
    keys,
    filled,
    worst,
    begin,
    end,
    first,
    distances,
    bits,
    limits,
    near,
    groups,
):
    # Slices, and loops without branches: these the compiler turns into vector code. Eight answers are then looked at
    # together, since most pairs are too far apart.
    count = end - begin
    own, lists, used, last = own_target[begin:end], keys[begin:end], filled[begin:end], worst[begin:end]
    for target in range(count):
        limits[target] = np.int32(last[target] >> 32)
    half, zero = np.float32(0.5), np.float32(0)
    full = False
    for source in range(first, len(rows)):
        line, constant = products[source, begin:end], own_source[source]
        for target in range(count):
            # -0.0 + 0.0 is 0.0: the sign bit would otherwise put it before everything.
            distances[target] = max(half * (own[target] + constant - line[target]), zero) + zero
        for target in range(count):
            near[target] = bits[target] <= limits[target]
        for group in range(len(groups)):
            if groups[group] == 0:
                continue
            for target in range(8 * group, 8 * group + 8):
                if near[target] == 0:
                    continue
                key = (np.int64(bits[target]) << 32) | np.int64(rows[source])
                if key < last[target]:
                    lists[target, used[target]] = key
                    used[target] += 1
                    full = full or used[target] == lists.shape[1]
        if full:
            return source + 1
    return len(rows)
