"""Equal bits with other kernels than this machine's own choice: those of plain AVX2 processors, and one thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PROMISES = (
    "retrieval/test_search.py",
    "retrieval/test_cosine.py",
    "descriptors/test_extract.py",
    "models/test_features.py",
)
SETTINGS = {
    "onednn off": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "avx2": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2", "NUMBA_CPU_NAME": "haswell"},
    "avx2, onednn off, one thread": {
        **{"TF_ENABLE_ONEDNN_OPTS": "0", "ONEDNN_MAX_CPU_ISA": "AVX2", "NUMBA_CPU_NAME": "haswell"},
        **{"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_promises_of_equal_bits_hold(name):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(TESTS / path) for path in PROMISES),
    ]
    done = subprocess.run(
        command, env={**os.environ, **SETTINGS[name]}, capture_output=True, text=True, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stdout[-4000:]
