"""Two small pictures laid over each other by shift and scale of each axis, then compared in their details.

The alignment is Gauss-Newton on squared gray differences with free gain and offset (Lucas & Kanade 1981; Baker &
Matthews, "Lucas-Kanade 20 years on", IJCV 2004), first at half the size, for many pairs at once.
"""

from __future__ import annotations

import numpy as np

_COARSE_STEPS, _FINE_STEPS = 4, 3
_LARGEST = 0.15  # of half a side: how far shift and scale may go
_NOISE = 1.0  # gray levels; differences of this size are taken for nothing, so flat pictures resemble none
_COARSE = 0.85  # correlation at half the size below which a pair is given up
_CHUNK = 128  # pairs at once, so that the arrays stay in the processor's cache


def likeness(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """How far pairs of pictures show the same, after alignment.

    Args:
        target: float32 [n, side, side], gray levels in 0..255, side even.
        source: float32 [n, side, side], likewise.

    Returns:
        float32 [n]: the normalized correlation of the details (the picture less its blurred copy) where the two
        overlap; 1 for equal pictures, around 0 for unlike ones, 0 where already the coarse pictures differ.
    """
    scores = np.zeros(len(target), np.float32)
    for start in range(0, len(target), _CHUNK):
        t, s = target[start : start + _CHUNK], source[start : start + _CHUNK]
        motion, alike = _align(_half(t), _half(s), np.zeros((len(t), 4), np.float32), _COARSE_STEPS)
        close = np.flatnonzero(alike >= _COARSE)
        if len(close):
            t, s = t[close], s[close]
            motion, _ = _align(t, s, motion[close], _FINE_STEPS)
            rows, columns, mask = _sampling(motion, t.shape[1])
            warped = rows @ s @ columns
            scores[start + close] = _correlation((t - _blur(t)) * mask, (warped - _blur(warped)) * mask, mask)
    return scores


def _half(pictures: np.ndarray) -> np.ndarray:
    n, side, _ = pictures.shape
    return pictures.reshape(n, side // 2, 2, side // 2, 2).mean((2, 4))


def _positions(side: int) -> np.ndarray:
    """Pixel centers in half-sides from the middle, so that a motion means the same at every size."""
    return ((np.arange(side) - (side - 1) / 2) / (side / 2)).astype(np.float32)


def _sampling(motion: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bilinear sampling as two matrices: `rows @ picture @ columns` is the moved picture.

    Args:
        motion: float32 [n, 4]: shift and growth in y, shift and growth in x; shifts in half-sides.
        side: pixels.

    Returns:
        rows [n, side, side], columns [n, side, side], mask [n, side, side] (1 where the picture reaches).
    """
    c, weights, inside = _positions(side), [], []
    for shift, growth in (motion[:, 0:2].T, motion[:, 2:4].T):
        position = (side - 1) / 2 + side / 2 * (shift[:, None] + (1 + growth[:, None]) * c)
        inside.append(((position > -0.5) & (position < side - 0.5)).astype(np.float32))
        position = np.clip(position, 0, side - 1)[:, :, None]
        weights.append(np.maximum(0, 1 - np.abs(position - np.arange(side, dtype=np.float32))).astype(np.float32))
    return weights[0], weights[1].transpose(0, 2, 1), inside[0][:, :, None] * inside[1][:, None, :]


def _centered(pictures: np.ndarray, mask: np.ndarray) -> np.ndarray:
    count = mask.sum((1, 2), keepdims=True)
    return (pictures - (pictures * mask).sum((1, 2), keepdims=True) / count) * mask


def _correlation(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> np.ndarray:
    noise = _NOISE**2 * mask.sum((1, 2))
    return (a * b).sum((1, 2)) / np.sqrt(((a * a).sum((1, 2)) + noise) * ((b * b).sum((1, 2)) + noise))


def _align(target: np.ndarray, source: np.ndarray, motion: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Moves `source` onto `target`: `(motion [n, 4], correlation [n])`."""
    n, side, _ = target.shape
    c = _positions(side)
    slope_y, slope_x = np.gradient(source, axis=(1, 2))
    damping = np.array([1, 1, 1, 1, 0, 0], np.float32)
    for _ in range(steps):
        rows, columns, mask = _sampling(motion, side)
        t, w = _centered(target, mask), _centered(rows @ source @ columns, mask)
        gain = ((t * w).sum((1, 2)) / ((w * w).sum((1, 2)) + 1e-3))[:, None, None]
        y = (rows @ slope_y @ columns) * mask * (gain * side / 2)
        x = (rows @ slope_x @ columns) * mask * (gain * side / 2)
        # What the warped picture changes by: shift and growth in y, in x, gain, offset.
        jacobian = np.stack([y, y * c[:, None], x, x * c, w, mask], 1).reshape(n, 6, -1)
        normal = jacobian @ jacobian.transpose(0, 2, 1)
        size = np.trace(normal, axis1=1, axis2=2)[:, None] / 6
        normal[:, np.arange(6), np.arange(6)] += 1e-3 * (size + 1) * damping + 1e-3
        step = np.linalg.solve(normal, jacobian @ (t - gain * w).reshape(n, -1, 1))[:, :4, 0]
        motion = np.clip(motion + step, -_LARGEST, _LARGEST)
    rows, columns, mask = _sampling(motion, side)
    return motion, _correlation(_centered(target, mask), _centered(rows @ source @ columns, mask), mask)


def _blur(pictures: np.ndarray) -> np.ndarray:
    """Binomial blur over 5 pixels in each direction, the border repeated."""
    side = pictures.shape[1]
    matrix = np.zeros((side, side), np.float32)
    for offset, weight in zip(range(-2, 3), (1, 4, 6, 4, 1), strict=True):
        np.add.at(matrix, (np.arange(side), np.clip(np.arange(side) + offset, 0, side - 1)), weight / 16)
    return matrix @ pictures @ matrix.T
