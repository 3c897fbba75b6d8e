"""The Gabor filter bank of Manjunath & Ma (1996) on luminance, as matrix products in the cosine domain."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from sjft_tf.artifacts import fingerprint
from sjft_tf.errors import InputError

LOWEST, HIGHEST = 0.05, 0.4
"""Ul and Uh: center frequencies, in cycles per pixel, of the coarsest and the finest scale."""

# Transfer-function values below this share of the peak are left out: far below float32's own rounding of a response.
_NEGLIGIBLE = 1e-7

# Standard deviations from a filter's peak beyond which float64 sums of its copies do not change.
_FARTHEST = 12

LUMINANCE = (np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)
"""Rec. 601 luminance of RGB in 0..255, scaled to 0..1."""


class GaborBank:
    """`scales` x `orientations` complex Gabor filters; real and imaginary parts are channels of one layer.

    B. S. Manjunath and W. Y. Ma, "Texture features for browsing and retrieval of image data", IEEE PAMI 18(8), 1996,
    section 2 (SJFT paper, section 3.2, names this bank with 4 scales and 6 orientations). With x to the right, y
    down, S = scales, K = orientations, W = Uh:

        (1)  g(x, y) = 1/(2 pi sx sy) exp(-(x^2/sx^2 + y^2/sy^2)/2 + 2 pi j W x)
        (2)  G(u, v) = exp(-((u - W)^2/su^2 + v^2/sv^2)/2),   su = 1/(2 pi sx),   sv = 1/(2 pi sy)
        (3)  g_mn(x, y) = a^-m g(x', y'),   x' = a^-m (x cos t + y sin t),   y' = a^-m (-x sin t + y cos t),
             t = n pi/K,   m = 0..S-1,   n = 0..K-1
        (4)  a = (Uh/Ul)^(1/(S-1)),   su = (a - 1) Uh / ((a + 1) sqrt(2 ln 2)),
             sv = tan(pi/2K) sqrt(Uh^2/(2 ln 2) - su^2)

    The design rule behind (4) is that the half-peak ellipses of neighboring filters touch. The sv printed in the
    paper has `ln(2 su^2/Uh)` where this rule gives `2 ln 2 su^2/Uh`; with that slip repaired it simplifies to the
    above. As in the paper the mean of every filter is made zero, here by setting its transfer function at (0, 0) to
    zero, so that a constant image has no response.

    Responses are the convolution of luminance (Rec. 601, 0..1) with g_mn, at every pixel. The image is continued
    beyond its borders by mirroring, edge pixel repeated, without end, so any image size works with any filter size
    and the borders do not look like edges. Channel 2 (m K + n) is the real part, the next one the imaginary part.

    Such a continued image is a sum of cosines (its DCT-II), and a convolution multiplies each by a number: the
    filters are applied there, with nothing truncated, and matrix products bring a response back; filters that
    mirror each other share theirs.

    Args:
        scales: S >= 2, default 4.
        orientations: K >= 2, default 6.

    Raises:
        InputError: fewer than 2 scales or orientations.

    Example:
        >>> GaborBank().layer_channels
        (48,)
    """

    def __init__(self, scales: int = 4, orientations: int = 6):
        if scales < 2 or orientations < 2:
            raise InputError(
                "A Gabor bank needs at least 2 scales and 2 orientations. "
                f"Received: scales={scales}, orientations={orientations}"
            )
        self.scales, self.orientations = int(scales), int(orientations)
        self.name = "gabor" if (scales, orientations) == (4, 6) else f"gabor{scales}x{orientations}"
        self.fingerprint = fingerprint("gabor", 2, self.scales, self.orientations, LOWEST, HIGHEST)
        self.layer_channels = (2 * self.scales * self.orientations,)
        self._plans: dict[tuple[int, int], list[_ScalePlan]] = {}

    @property
    def wavelengths(self) -> tuple[float, ...]:
        """Length of the waves each scale answers to, in pixels, the finest scale first."""
        a, _, _ = parameters(self.scales, self.orientations)
        return tuple(a**m / HIGHEST for m in range(self.scales))

    def responses(self, images: tf.Tensor) -> list[tf.Tensor]:
        """See `FilterBank.responses`; here one tensor float32 [N, H, W, 2 * scales * orientations]."""
        height, width = images.shape[1], images.shape[2]
        if height is None or width is None:
            raise InputError(f"The Gabor bank needs images of a fixed size. Received: shape={tuple(images.shape)}")
        if (height, width) not in self._plans:
            self._plans[height, width] = [self._plan(m, height, width) for m in range(self.scales)]
        luminance = tf.tensordot(tf.cast(images, tf.float32), LUMINANCE, 1)
        spectrum = tf.einsum("kr,nrc,lc->lnk", _forward(height), luminance, _forward(width))
        products = tf.concat([plan.apply(spectrum) for plan in self._plans[height, width]], axis=0)
        # Sums and differences of products, and the channels moved to the last axis, in one pass over memory.
        mixing = np.kron(np.eye(self.scales, dtype=np.float32), _mixing(self.orientations))
        maps = tf.matmul(products, mixing, transpose_a=True)
        return [tf.reshape(maps, [-1, height, width, self.layer_channels[0]])]

    def _plan(self, m: int, height: int, width: int) -> _ScalePlan:
        used = range(self.orientations // 2 + 1)
        transfer = [transfer_function(m, n, self.scales, self.orientations, height, width) for n in used]
        return _ScalePlan(np.stack(transfer), _products(self.orientations))


def parameters(scales: int, orientations: int) -> tuple[float, float, float]:
    """`(a, su, sv)` of equation (4) in `GaborBank`."""
    a = (HIGHEST / LOWEST) ** (1 / (scales - 1))
    su = (a - 1) * HIGHEST / ((a + 1) * math.sqrt(2 * math.log(2)))
    sv = math.tan(math.pi / (2 * orientations)) * math.sqrt(HIGHEST**2 / (2 * math.log(2)) - su**2)
    return a, su, sv


def transfer_function(m: int, n: int, scales: int, orientations: int, height: int, width: int) -> np.ndarray:
    """Filter (m, n) at the frequencies of an image continued by mirroring, float64 [2, 2, height, width].

    Entry [s, t, k, l] belongs to row frequency +-k/(2 height) and column frequency +-l/(2 width); s and t are 0 for
    plus and 1 for minus. The filter is sampled at whole pixels, hence the sum over the copies of its spectrum.
    """
    a, su, sv = parameters(scales, orientations)
    angle = n * math.pi / orientations
    sign = np.array([1.0, -1.0])
    rows = (sign[:, None] * np.arange(height) / (2 * height))[:, None, :, None]
    columns = (sign[:, None] * np.arange(width) / (2 * width))[None, :, None, :]
    total = np.zeros((2, 2, height, width))
    center = HIGHEST / a**m * np.array([math.sin(angle), math.cos(angle)])
    for row_copy in range(-4, 5):
        for column_copy in range(-4, 5):
            away = np.maximum(np.abs(center - (row_copy, column_copy)) - 0.5, 0)
            if a**m * math.hypot(*away) > _FARTHEST * max(su, sv):
                continue
            u, v = columns + column_copy, rows + row_copy
            along = a**m * (u * math.cos(angle) + v * math.sin(angle))
            across = a**m * (v * math.cos(angle) - u * math.sin(angle))
            total += a**m * np.exp(-(((along - HIGHEST) / su) ** 2 + (across / sv) ** 2) / 2)
    total[:, :, 0, 0] = 0.0
    return total


def part_gains(transfers: np.ndarray) -> np.ndarray:
    """What the four parts of a response multiply cosine coefficients with, float64 [n, 4, height, width].

    With c = cos, s = sin of a frequency's phase along rows (k) or columns (l), and G the transfer function,
    averaging exp(i(+-k +-l)) G(+-k, +-l) over the four signs splits into four real products, parts 0 to 3:
        real part:       ck cl mean(G) + sk sl mean(-st G)
        imaginary part:  sk cl mean(s G) + ck sl mean(t G)

    Args:
        transfers: float [n, 2, 2, height, width], see `transfer_function`.
    """
    signs = np.array([1.0, -1.0])
    s, t = signs[:, None, None, None], signs[None, :, None, None]
    return np.stack([np.mean(transfers * weights, axis=(1, 2)) for weights in (1, -s * t, s, t)], axis=1)


def passed_box(transfers: np.ndarray) -> tuple[int, int, int, int]:
    """First and last + 1 row, first and last + 1 column of the frequencies that any of these filters passes.

    Args:
        transfers: float [n, 2, 2, height, width].
    """
    size = np.abs(transfers).max(axis=(0, 1, 2))
    rows, columns = np.nonzero(size > _NEGLIGIBLE * size.max())
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _forward(size: int) -> np.ndarray:
    """DCT-II [k, r] scaled so that x[r] = sum_k X[k] cos(pi k (2r + 1) / 2 size)."""
    matrix = np.cos(np.pi * np.outer(np.arange(size), 2 * np.arange(size) + 1) / (2 * size)) * 2 / size
    matrix[0] /= 2
    return matrix.astype(np.float32)


def _products(orientations: int) -> list[tuple[int, int]]:
    """Which (orientation, part) a scale is made of; the parts are those of `_ScalePlan`.

    Filters at angle t and pi - t are mirror images: the parts odd in the column frequency, 1 and 3, differ in sign,
    the others are equal. So only orientations up to the upright one are computed. The level and the upright filter are
    their own mirror images along one axis each, and the parts odd along it vanish.
    """
    not_vanishing = {0: (0, 3), orientations / 2: (0, 2)}
    return [(n, part) for n in range(orientations // 2 + 1) for part in not_vanishing.get(n, range(4))]


def _mixing(orientations: int) -> np.ndarray:
    """float32 [products, 2 * orientations]: how the real and imaginary responses are summed from `_products`."""
    matrix = np.zeros((2 * orientations, 2 * orientations), np.float32)
    for row, (n, part) in enumerate(_products(orientations)):
        imaginary = part // 2
        matrix[row, 2 * n + imaginary] = 1
        if n not in (0, orientations / 2):
            matrix[row, 2 * (orientations - n) + imaginary] = -1 if part in (1, 3) else 1
    return matrix


class _ScalePlan:
    """One scale at one image size: from the cosine spectrum to what its responses are summed from, `part_gains`.

    A coarse filter passes few frequencies: only the box of rows k and columns l it passes is computed with.
    The axes are ordered so that the images of a batch share each matrix product.

    Args:
        transfer: float [orientations, 2, 2, height, width], see `transfer_function`.
        products: the (orientation, part) wanted.
    """

    def __init__(self, transfer: np.ndarray, products: list[tuple[int, int]]):
        height, width = transfer.shape[3:]
        passed = np.abs(transfer).max(axis=(1, 2)) > _NEGLIGIBLE * np.abs(transfer).max()
        rows, columns = _boxes(passed.any(axis=2)), _boxes(passed.any(axis=1))
        self._boxes = [(slice(*columns[n]), slice(None), slice(*rows[n])) for n, _ in products]
        parts = part_gains(transfer)
        gains = [parts[n, part, slice(*rows[n]), slice(*columns[n])].T for n, part in products]
        self._gains = np.stack(gains)[:, :, None].astype(np.float32)  # [product, l, 1, k]
        self._row_waves = np.stack([_waves(height, *rows[n])[part in (1, 2)] for n, part in products])
        self._column_waves = np.stack([_waves(width, *columns[n])[part in (1, 3)] for n, part in products])

    def apply(self, spectrum: tf.Tensor) -> tf.Tensor:
        """float32 [width, N, height] cosine spectrum -> products [2 * orientations, N * height * width]."""
        count, across, _, along = self._gains.shape
        weighted = tf.stack([spectrum[box] for box in self._boxes]) * self._gains
        halfway = tf.matmul(tf.reshape(weighted, [count, -1, along]), self._row_waves)
        maps = tf.matmul(tf.reshape(halfway, [count, across, -1]), self._column_waves, transpose_a=True)
        return tf.reshape(maps, [count, -1])


def _boxes(passed: np.ndarray) -> list[tuple[int, int]]:
    """For each line of a boolean [orientations, frequencies]: first and last+1 index, all of one common length."""
    ends = [(int(np.argmax(line)), len(line) - int(np.argmax(line[::-1]))) for line in passed]
    length = max(stop - start for start, stop in ends)
    starts = [min(start, passed.shape[1] - length) for start, _ in ends]
    return [(start, start + length) for start in starts]


def _waves(size: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin, float32 [frequencies, size], of the phase of frequencies start..stop at every pixel center."""
    phase = np.pi * np.outer(np.arange(start, stop), 2 * np.arange(size) + 1) / (2 * size)
    return np.cos(phase).astype(np.float32), np.sin(phase).astype(np.float32)
