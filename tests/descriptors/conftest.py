"""Gabor responses in float64, by direct convolution with the closed-form function."""

import math

import numpy as np
import pytest
from scipy.signal import fftconvolve


def gabor_kernel(m, n, scales, orientations, lowest=0.05, highest=0.4):
    """Equations (1), (3) and (4) of Manjunath & Ma, sampled out to 7 standard deviations."""
    ln2 = math.log(2)
    a = (highest / lowest) ** (1 / (scales - 1))
    su = (a - 1) * highest / ((a + 1) * math.sqrt(2 * ln2))
    # The paper's form, with its misprinted logarithm repaired: [Uh - 2 ln2 su^2/Uh] [2 ln2 - (2 ln2)^2 su^2/Uh^2]^-1/2
    sv = math.tan(math.pi / (2 * orientations)) * (highest - 2 * ln2 * su**2 / highest)
    sv /= math.sqrt(2 * ln2 - (2 * ln2) ** 2 * su**2 / highest**2)
    sx, sy = 1 / (2 * math.pi * su), 1 / (2 * math.pi * sv)
    radius = math.ceil(7 * max(sx, sy) * a**m)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    angle = n * math.pi / orientations
    along = a**-m * (x * math.cos(angle) + y * math.sin(angle))
    across = a**-m * (y * math.cos(angle) - x * math.sin(angle))
    wave = np.exp(-((along / sx) ** 2 + (across / sy) ** 2) / 2 + 2j * math.pi * highest * along)
    return a**-m * wave / (2 * math.pi * sx * sy)


def _oracle(image, scales=4, orientations=6):
    """float64 [H, W, channels]; zero-mean filters do not see the mean, so it is taken off the image instead."""
    luminance = image.astype(np.float64) @ [0.299, 0.587, 0.114] / 255
    luminance -= luminance.mean()
    maps = []
    for m in range(scales):
        for n in range(orientations):
            kernel = gabor_kernel(m, n, scales, orientations)
            padded = np.pad(luminance, kernel.shape[0] // 2, mode="symmetric")
            response = fftconvolve(padded, kernel, mode="valid")
            maps += [response.real, response.imag]
    return np.stack(maps, axis=-1)


@pytest.fixture(scope="session")
def oracle():
    """A function from an image [H, W, 3] to its responses, float64 [H, W, channels]."""
    return _oracle
