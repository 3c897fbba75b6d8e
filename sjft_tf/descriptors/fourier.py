"""Discrete Fourier transforms of sixteen lines at once, in place, as loops for `native`.

The lanes of a vector are sixteen lines that are transformed alike, so nothing is ever shuffled within a vector, and the
outputs stay where the butterflies leave them (`output_order`): for counting values no other order is wanted. Products
and sums are neither contracted nor reassociated, so the bits are the same on every processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LANES = 16
"""Lines that are transformed together: what a vector register of AVX-512 holds in float32."""

Loop = Callable[..., Any]


def radices(size: int) -> tuple[int, ...]:
    """The butterflies a transform of `size` is made of, in the order they are applied; empty if there is no such.

    Example:
        >>> radices(224)
        (4, 4, 2, 7)
    """
    found: list[int] = []
    for radix in (4, 2, 3, 5, 7):
        while size % radix == 0:
            found.append(radix)
            size //= radix
    return tuple(found) if size == 1 else ()


def output_order(size: int) -> np.ndarray:
    """int64 [size]: which output of the transform stands in each row when it is done."""
    order = np.zeros(1, np.int64)
    for radix in reversed(radices(size)):
        order = (np.arange(radix)[:, None] + radix * order[None, :]).ravel()
    return order


def transform(size: int) -> Loop:
    """A loop `transform(data, at)` that replaces z by `sum_k z[k] exp(2 pi i k n / size)`, unnormalized.

    `data` is float32, flat. From `at` on it holds `size` rows of `LANES` real parts and then as many of imaginary ones.

    Args:
        size: length of the lines; it has `radices`.
    """
    makers = {2: _radix2, 3: _radix3, 4: _radix4, 5: _radix5, 7: _radix7}
    steps, length = [], size
    for radix in radices(size):
        turns = np.exp(2j * np.pi * np.outer(np.arange(length // radix), np.arange(radix)) / length)
        steps.append(makers[radix](size, length, turns.real.astype(np.float32), turns.imag.astype(np.float32)))
        length //= radix
    whole = steps[0]
    for step in steps[1:]:
        whole = _one_after_the_other(whole, step)
    return whole


def _one_after_the_other(first: Loop, second: Loop) -> Loop:
    def both(data, at):  # type: ignore[no-untyped-def]
        first(data, at)
        second(data, at)

    return both


# Below are passes of butterflies over blocks of `length` rows, decimation in frequency. The rows of a butterfly lie
# `step` apart, the imaginary parts `im` after the real ones: constants, by which the compiler sees that rows do not
# overlap. Names: a, b, c, .. are places in `data`; ..r and ..i real and imaginary parts; w the turning factors.


def _turned(data, place, im, real, imaginary, wr, wi):  # type: ignore[no-untyped-def]
    data[place], data[place + im] = real * wr - imaginary * wi, real * wi + imaginary * wr


def _radix2(size: int, length: int, turn_re: np.ndarray, turn_im: np.ndarray) -> Loop:
    blocks, apart = size // length, length // 2
    step, im = apart * LANES, size * LANES

    def butterflies(data, at):  # type: ignore[no-untyped-def]
        for block in range(blocks):
            for row in range(apart):
                wr, wi = turn_re[row, 1], turn_im[row, 1]
                first = at + (block * length + row) * LANES
                for a in range(first, first + LANES):
                    b = a + step
                    dr, di = data[a] - data[b], data[a + im] - data[b + im]
                    data[a], data[a + im] = data[a] + data[b], data[a + im] + data[b + im]
                    _turned(data, b, im, dr, di, wr, wi)

    return butterflies


def _radix4(size: int, length: int, turn_re: np.ndarray, turn_im: np.ndarray) -> Loop:
    blocks, apart = size // length, length // 4
    step, im = apart * LANES, size * LANES

    def butterflies(data, at):  # type: ignore[no-untyped-def]
        for block in range(blocks):
            for row in range(apart):
                w1r, w2r, w3r = turn_re[row, 1], turn_re[row, 2], turn_re[row, 3]
                w1i, w2i, w3i = turn_im[row, 1], turn_im[row, 2], turn_im[row, 3]
                first = at + (block * length + row) * LANES
                for a in range(first, first + LANES):
                    b, c, d = a + step, a + 2 * step, a + 3 * step
                    pr, pi, qr, qi = data[a], data[a + im], data[c], data[c + im]
                    sr, si, tr, ti = pr + qr, pi + qi, pr - qr, pi - qi
                    pr, pi, qr, qi = data[b], data[b + im], data[d], data[d + im]
                    ur, ui, vr, vi = pr + qr, pi + qi, pr - qr, pi - qi
                    data[a], data[a + im] = sr + ur, si + ui
                    _turned(data, b, im, tr - vi, ti + vr, w1r, w1i)
                    _turned(data, c, im, sr - ur, si - ui, w2r, w2i)
                    _turned(data, d, im, tr + vi, ti - vr, w3r, w3i)

    return butterflies


def _waves(radix: int) -> tuple[list[np.float32], list[np.float32]]:
    """Cosines and sines of m / radix turns, m = 0..radix // 2."""
    angles = 2 * np.pi * np.arange(radix // 2 + 1) / radix
    return [*np.cos(angles).astype(np.float32)], [*np.sin(angles).astype(np.float32)]


# Odd radices: rows m and radix - m become their sum p and their difference q; output n is e + i f and output radix - n
# is e - i f, with e the rows weighted by cosines and f by sines.


def _radix3(size: int, length: int, turn_re: np.ndarray, turn_im: np.ndarray) -> Loop:
    blocks, apart = size // length, length // 3
    step, im = apart * LANES, size * LANES
    (_, c1), (_, s1) = _waves(3)

    def butterflies(data, at):  # type: ignore[no-untyped-def]
        for block in range(blocks):
            for row in range(apart):
                w1r, w2r, w1i, w2i = turn_re[row, 1], turn_re[row, 2], turn_im[row, 1], turn_im[row, 2]
                first = at + (block * length + row) * LANES
                for a in range(first, first + LANES):
                    b, c = a + step, a + 2 * step
                    xr, xi = data[a], data[a + im]
                    pr, pi = data[b] + data[c], data[b + im] + data[c + im]
                    qr, qi = s1 * (data[b] - data[c]), s1 * (data[b + im] - data[c + im])
                    er, ei = xr + c1 * pr, xi + c1 * pi
                    data[a], data[a + im] = xr + pr, xi + pi
                    _turned(data, b, im, er - qi, ei + qr, w1r, w1i)
                    _turned(data, c, im, er + qi, ei - qr, w2r, w2i)

    return butterflies


def _radix5(size: int, length: int, turn_re: np.ndarray, turn_im: np.ndarray) -> Loop:
    blocks, apart = size // length, length // 5
    step, im = apart * LANES, size * LANES
    (_, c1, c2), (_, s1, s2) = _waves(5)

    def butterflies(data, at):  # type: ignore[no-untyped-def]
        for block in range(blocks):
            for row in range(apart):
                w1r, w2r, w3r, w4r = turn_re[row, 1], turn_re[row, 2], turn_re[row, 3], turn_re[row, 4]
                w1i, w2i, w3i, w4i = turn_im[row, 1], turn_im[row, 2], turn_im[row, 3], turn_im[row, 4]
                first = at + (block * length + row) * LANES
                for a in range(first, first + LANES):
                    b, c, d, e = a + step, a + 2 * step, a + 3 * step, a + 4 * step
                    xr, xi = data[a], data[a + im]
                    p1r, p1i, q1r, q1i = _sum_and_difference(data, b, e, im)
                    p2r, p2i, q2r, q2i = _sum_and_difference(data, c, d, im)
                    data[a], data[a + im] = xr + p1r + p2r, xi + p1i + p2i
                    er, ei = xr + c1 * p1r + c2 * p2r, xi + c1 * p1i + c2 * p2i
                    fr, fi = s1 * q1r + s2 * q2r, s1 * q1i + s2 * q2i
                    _turned(data, b, im, er - fi, ei + fr, w1r, w1i)
                    _turned(data, e, im, er + fi, ei - fr, w4r, w4i)
                    er, ei = xr + c2 * p1r + c1 * p2r, xi + c2 * p1i + c1 * p2i
                    fr, fi = s2 * q1r - s1 * q2r, s2 * q1i - s1 * q2i
                    _turned(data, c, im, er - fi, ei + fr, w2r, w2i)
                    _turned(data, d, im, er + fi, ei - fr, w3r, w3i)

    return butterflies


def _sum_and_difference(data, place, other, im):  # type: ignore[no-untyped-def]
    pr, pi, qr, qi = data[place], data[place + im], data[other], data[other + im]
    return pr + qr, pi + qi, pr - qr, pi - qi


def _radix7(size: int, length: int, turn_re: np.ndarray, turn_im: np.ndarray) -> Loop:
    blocks, apart = size // length, length // 7
    step, im = apart * LANES, size * LANES
    (_, c1, c2, c3), (_, s1, s2, s3) = _waves(7)

    def butterflies(data, at):  # type: ignore[no-untyped-def]
        for block in range(blocks):
            for row in range(apart):
                w1r, w2r, w3r = turn_re[row, 1], turn_re[row, 2], turn_re[row, 3]
                w4r, w5r, w6r = turn_re[row, 4], turn_re[row, 5], turn_re[row, 6]
                w1i, w2i, w3i = turn_im[row, 1], turn_im[row, 2], turn_im[row, 3]
                w4i, w5i, w6i = turn_im[row, 4], turn_im[row, 5], turn_im[row, 6]
                first = at + (block * length + row) * LANES
                for a in range(first, first + LANES):
                    b, c, d = a + step, a + 2 * step, a + 3 * step
                    e, f, g = a + 4 * step, a + 5 * step, a + 6 * step
                    xr, xi = data[a], data[a + im]
                    p1r, p1i, q1r, q1i = _sum_and_difference(data, b, g, im)
                    p2r, p2i, q2r, q2i = _sum_and_difference(data, c, f, im)
                    p3r, p3i, q3r, q3i = _sum_and_difference(data, d, e, im)
                    data[a], data[a + im] = xr + p1r + p2r + p3r, xi + p1i + p2i + p3i
                    er, ei = xr + c1 * p1r + c2 * p2r + c3 * p3r, xi + c1 * p1i + c2 * p2i + c3 * p3i
                    fr, fi = s1 * q1r + s2 * q2r + s3 * q3r, s1 * q1i + s2 * q2i + s3 * q3i
                    _turned(data, b, im, er - fi, ei + fr, w1r, w1i)
                    _turned(data, g, im, er + fi, ei - fr, w6r, w6i)
                    er, ei = xr + c2 * p1r + c3 * p2r + c1 * p3r, xi + c2 * p1i + c3 * p2i + c1 * p3i
                    fr, fi = s2 * q1r - s3 * q2r - s1 * q3r, s2 * q1i - s3 * q2i - s1 * q3i
                    _turned(data, c, im, er - fi, ei + fr, w2r, w2i)
                    _turned(data, f, im, er + fi, ei - fr, w5r, w5i)
                    er, ei = xr + c3 * p1r + c1 * p2r + c2 * p3r, xi + c3 * p1i + c1 * p2i + c2 * p3i
                    fr, fi = s3 * q1r - s1 * q2r + s2 * q3r, s3 * q1i - s1 * q2i + s2 * q3i
                    _turned(data, d, im, er - fi, ei + fr, w3r, w3i)
                    _turned(data, e, im, er + fi, ei - fr, w4r, w4i)

    return butterflies
