"""Compiled kernels: the same as plain Python, kept on disk, and safe against wrong arrays and damaged files."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sjft_tf.native import building, cache, compile_native
from sjft_tf.native.digest import kernel_key

FACTOR = 3


def squared(x):
    return x * x


def total(values, scale):
    result = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            result += FACTOR * np.sqrt(squared(values[i, j])) * scale
    return result


def scaled(factor):
    def scale(values):
        for i in range(len(values)):
            values[i] *= factor

    return compile_native(scale, "void(float64[::1])")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    return tmp_path / "kernels"


@pytest.fixture
def no_compiler(monkeypatch):
    def refuse(kernel):
        raise AssertionError("compiled")

    return lambda: monkeypatch.setattr(building, "build", refuse)


def test_the_same_as_plain_python_from_any_threads(rng):
    kernel = compile_native(total, "float64(float64[:, ::1], int64)")
    arrays = [rng.normal(size=(7, n)) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda array: kernel(array, 2), arrays))
    assert found == [total(array, 2) for array in arrays]


def test_loaded_from_disk_without_compiling(folder, no_compiler):
    values = np.arange(5.0)
    scaled(3.0)(values)
    assert folder.stat().st_mode & 0o777 == 0o700
    no_compiler()
    scaled(3.0)(values)
    np.testing.assert_array_equal(values, np.arange(5) * 9)
    with pytest.raises(AssertionError, match="compiled"):
        scaled(4.0)(values)


def test_arrays_that_numba_would_only_point_to_are_refused(folder):
    column = np.arange(6.0).reshape(3, 2)[:, 0]

    def first(values):
        values[0] = column[1]

    with pytest.raises(RuntimeError, match="not contiguous"):
        compile_native(first, "void(float64[::1])")(np.zeros(1))
    assert not folder.exists() or not list(folder.iterdir())


def test_where_object_code_is_of_another_kind_each_process_compiles(folder, monkeypatch):
    monkeypatch.setattr(building, "IS_ELF", False)
    values = np.arange(5.0)
    scaled(3.0)(values)
    np.testing.assert_array_equal(values, np.arange(5) * 3)
    assert not folder.exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:500] + b"x" + b[501:], lambda b: b"?" + b]
)
def test_a_damaged_file_is_replaced(folder, monkeypatch, damage):
    scaled(3.0)(np.zeros(1))
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    code = whole[len(cache._HEAD) + 65 :]
    monkeypatch.setattr(building, "build", lambda kernel: code)
    values = np.ones(2)
    scaled(3.0)(values)
    assert values.tolist() == [3, 3]
    assert path.read_bytes() == whole


def test_old_files_go(folder, no_compiler):
    folder.mkdir(mode=0o700)
    for name, days in (("a-0.kernel", 91), ("b-0.kernel", 89), ("c.tmp", 2)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    cache._write(folder / "d-0.kernel", "key", b"code")
    assert sorted(path.name for path in folder.iterdir()) == ["b-0.kernel", "d-0.kernel"]


def test_a_folder_that_others_can_write_to_is_not_used(folder):
    folder.mkdir()
    folder.chmod(0o770)
    assert cache.folder() is None
    folder.chmod(0o750)
    assert cache.folder() == folder


def test_without_a_folder_it_compiles_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    values = np.ones(2)
    scaled(5.0)(values)
    assert values.tolist() == [5, 5]


def test_what_the_code_is_made_from_changes_the_key(monkeypatch):
    def key(function=total, signature="float64(float64[:, ::1], int64)", **options):
        return kernel_key(compile_native(function, signature, **options))

    assert kernel_key(scaled(3.0)) == kernel_key(scaled(3.0))
    keys = [key(), key(signature="float64(float32[:, ::1], int64)"), key(fastmath={"nsz"}), key(error_model="python")]
    keys += [kernel_key(scaled(value)) for value in (3, 3.0, -0.0, 0.0, np.arange(3.0), np.arange(3), (1, 2))]
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 4)
    keys.append(key())
    monkeypatch.setattr(sys.modules[__name__], "squared", lambda x: x + x)
    keys.append(key())
    monkeypatch.setenv("NUMBA_CPU_NAME", "haswell")
    keys.append(key())
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.zeros((2, 2), np.float32), 1), TypeError, "float64 of 2 dimensions. Received: float32"),
        (([[1.0]], 1), TypeError, "Received: list"),
        ((np.zeros(2), 1), ValueError, "shape="),
        ((np.zeros((4, 4))[:, ::2], 1), ValueError, "strides=\\(32, 16\\)"),
        ((np.zeros((4, 4)), 1.5), TypeError, "a number of int64. Received: 1.5"),
        ((np.zeros((4, 4)), 2**63), ValueError, "int64"),
        ((np.zeros((4, 4)),), TypeError, "takes 2 arguments. Received: 1"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        compile_native(total, "float64(float64[:, ::1], int64)")(*arguments)


@pytest.mark.parametrize(
    "text", ["void(float64[:])", "void(float64[:, :, :, :, ::1])", "list(int64)", "int64", "void(x)"]
)
def test_wrong_signatures(text):
    with pytest.raises(ValueError, match="A signature must be like"):
        compile_native(total, text)


def test_what_allocates_is_refused():
    def allocates(values):
        values[0] = np.empty(int(values[1]))[0]

    with pytest.raises(RuntimeError, match="allocates cannot be a kernel"):
        compile_native(allocates, "void(float64[::1])")(np.ones(2))


def test_what_cannot_be_a_constant_is_refused():
    with pytest.raises(TypeError, match="A kernel cannot use this"):
        kernel_key(scaled([1.0]))


@pytest.mark.slow
def test_a_second_process_does_not_import_numba(tmp_path):
    code = (
        "import sys, numpy as np\nfrom sjft_tf.native import native\n"
        "@native('void(float64[::1])')\ndef double(values):\n"
        "    for i in range(len(values)):\n        values[i] *= 2\n"
        "values = np.ones(3)\ndouble(values)\nassert values.tolist() == [2, 2, 2]\nprint('numba' in sys.modules)"
    )
    environment = {**os.environ, cache.VARIABLE: str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert said == ["True\n", "False\n"]
