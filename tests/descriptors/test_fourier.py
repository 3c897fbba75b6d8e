"""Transforms of sixteen lines against NumPy's in float64."""

import numpy as np
import pytest

from sjft_tf.descriptors.fourier import LANES, output_order, radices, transform
from sjft_tf.native import compile_native


@pytest.mark.parametrize("size", [48, 80, 112, 128])  # the radices 2, 3, 4, 5 and 7
def test_equals_numpy(rng, size):
    lines = rng.normal(size=(2, size, LANES)).astype(np.float32)
    data = lines.ravel().copy()
    transform(size)(data, 0) if size == 48 else compile_native(transform(size), "void(float32[::1], int64)")(data, 0)
    real, imaginary = data.reshape(lines.shape).astype(np.float64)
    wanted = np.fft.ifft(lines[0] + 1j * lines[1].astype(np.float64), axis=0, norm="forward")[output_order(size)]
    np.testing.assert_allclose(real + 1j * imaginary, wanted, atol=1e-6 * np.abs(wanted).max())


def test_sizes_that_can_be_divided():
    assert radices(224) == (4, 4, 2, 7)
    assert radices(2 * 3 * 5 * 7) == (2, 3, 5, 7)
    assert radices(16 * 11) == ()
    assert sorted(output_order(240)) == list(range(240))
