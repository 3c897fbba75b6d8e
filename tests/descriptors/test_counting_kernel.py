"""The counting kernel, compiled and as plain Python."""

import subprocess
import sys

import numpy as np
import pytest

from sjft_tf.descriptors import counting_kernel, cpu_counting
from sjft_tf.descriptors.cpu_counting import CpuBinCounter


@pytest.mark.parametrize("repeated", [False, True])
def test_compiled_and_plain_python_do_the_same(rng, monkeypatch, repeated):
    edges = rng.normal(size=(5, 9))
    edges[1] = 1e30 * edges[1] ** 9  # crowds one cell
    if repeated:
        edges[2:4] = np.round(edges[2:4])
    values = np.concatenate([edges.T, rng.normal(size=(20, 5))]).astype(np.float32)[None]
    counter = CpuBinCounter(np.sort(edges, axis=1).astype(np.float32))
    compiled, finite = counter(values)
    monkeypatch.setattr(cpu_counting, "count_kernel", lambda table: counting_kernel.count)
    plain, also_finite = counter(values)
    np.testing.assert_array_equal(compiled, plain)
    assert finite.tolist() == also_finite.tolist() == [True]
    assert compiled.sum() == values.size


@pytest.mark.slow
def test_numba_is_not_imported_once_the_kernel_is_on_disk():
    code = (
        "import sys, numpy as np\n"
        "from sjft_tf.descriptors import cpu_counting\n"
        "counter = cpu_counting.CpuBinCounter(np.zeros((1, 1), np.float32))\n"
        "counter(np.zeros((1, 1, 1), np.float32))\n"
        "assert 'numba' not in sys.modules\n"
    )
    cpu_counting.CpuBinCounter(np.zeros((1, 1), np.float32))(np.zeros((1, 1, 1), np.float32))
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
