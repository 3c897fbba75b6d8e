"""Artifacts are complete or absent, stamped, and readable without pickles."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch, NoSpace
from sjft_tf.errors import InputError


def names_in(folder):
    return sorted(p.name for p in folder.iterdir())


def test_atomic_write_replaces_only_on_success(tmp_path):
    path = tmp_path / "a" / "file.txt"
    with artifacts.atomic_write(path, "w") as stream:
        stream.write("first")
    with pytest.raises(RuntimeError), artifacts.atomic_write(path, "w") as stream:
        stream.write("half of the sec")
        raise RuntimeError
    assert path.read_text() == "first"
    assert names_in(path.parent) == ["file.txt"]


def test_atomic_directory_replaces_as_a_whole(tmp_path):
    path = tmp_path / "folder"
    for text in ("one", "two"):
        with artifacts.atomic_directory(path) as temporary:
            assert names_in(temporary) == []
            (temporary / text).write_text(text)
    with pytest.raises(RuntimeError), artifacts.atomic_directory(path) as temporary:
        (temporary / "three").write_text("three")
        raise RuntimeError
    assert names_in(path) == ["two"]
    assert names_in(tmp_path) == ["folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path, number):
    path, folder = tmp_path / "value.json", tmp_path / "folder"
    artifacts.write_json(path, {"value": 1})
    message = rf"no room to write .*{os.strerror(number)}.*removed.*Free some space and start the same command again"
    with pytest.raises(NoSpace, match=message) as caught, artifacts.atomic_write(path) as stream:
        stream.write(b"half")
        raise OSError(number, os.strerror(number))
    assert str(path) in str(caught.value)
    with pytest.raises(NoSpace, match=message), artifacts.atomic_directory(folder) as temporary:
        artifacts.write_json(temporary / "x.json", {})
        raise RuntimeError(f"TF or HDF5: {os.strerror(number)}")
    # The innermost file is the one that is named.
    with (
        pytest.raises(NoSpace, match=r"room to write \S*y\.json "),
        artifacts.atomic_directory(folder) as temporary,
        artifacts.atomic_write(temporary / "y.json"),
    ):
        raise OSError(number, os.strerror(number))
    assert names_in(tmp_path) == ["value.json"]
    assert artifacts.read_json(path) == {"value": 1}


def test_a_file_above_the_limit_is_told_by_the_programs_guard(tmp_path):
    code = (
        "import resource, signal, sys\nfrom sjft_tf import artifacts\nfrom sjft_tf.scripts import program\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "def main(argv):\n"
        f"    with artifacts.atomic_write({str(tmp_path / 'large')!r}) as stream:\n"
        "        stream.write(bytes(100_000))\n"
        "main.__module__ = 'sys'\nprogram.start(main, lambda: None)\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: There is no room to write {tmp_path / 'large'} (File too large)")
    assert names_in(tmp_path) == []


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    for error in (OSError(errno.EIO, "no"), MemoryError("out of memory"), RuntimeError("OOM when allocating")):
        assert artifacts.shortage(error) is None
        with pytest.raises(type(error)), artifacts.atomic_write(tmp_path / "x"):
            raise error


def test_room_is_asked_for_and_given_back(tmp_path, monkeypatch):
    artifacts.check_room(tmp_path / "x", 100_000)
    with pytest.raises(OSError, match="large|space") as caught:
        artifacts.check_room(tmp_path / "x", 2**62)
    assert artifacts.shortage(caught.value)

    def cannot(*_):
        raise OSError(errno.EOPNOTSUPP, "this file system cannot")

    monkeypatch.setattr("os.posix_fallocate", cannot)
    artifacts.check_room(tmp_path / "x", 2**62)
    assert names_in(tmp_path) == []


def test_a_folder_is_removed_as_a_whole(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    artifacts.remove_directory(tmp_path / "a")
    artifacts.remove_directory(tmp_path / "a")
    assert names_in(tmp_path) == []


def test_killed_writer_leaves_the_old_file_and_its_leftovers_are_removed(tmp_path):
    path = tmp_path / "value.json"
    artifacts.write_json(path, {"value": 1})
    code = (
        "import os, sys\nfrom sjft_tf import artifacts\n"
        f"with artifacts.atomic_write({str(path)!r}, 'w') as stream:\n"
        "    stream.write('{\"val'); stream.flush(); os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -9
    assert artifacts.read_json(path) == {"value": 1}
    assert len(names_in(tmp_path)) == 2
    artifacts.remove_leftovers(tmp_path)
    assert names_in(tmp_path) == ["value.json"]


@given(
    hnp.arrays(st.sampled_from([np.int32, np.float32, np.float64, np.uint8]), hnp.array_shapes(min_side=0)),
    st.dictionaries(st.text(), st.integers()),
)
def test_npz_round_trip(tmp_path_factory, array, meta):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    artifacts.save_npz(path, {"array": array}, meta)
    arrays, found = artifacts.load_npz(path)
    np.testing.assert_array_equal(arrays["array"], array)
    assert arrays["array"].dtype == array.dtype
    assert found == meta


def test_npz_refuses_objects_and_pickles(tmp_path):
    with pytest.raises(TypeError, match="dtype object"):
        artifacts.save_npz(tmp_path / "x.npz", {"x": np.array([{}])}, {})
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="not an artifact"):
        artifacts.load_npz(tmp_path / "pickled.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no zip at all"])
def test_damaged_files_are_named(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.npz.*Remove it"):
        artifacts.load_npz(path)
    (tmp_path / "broken.json").write_bytes(b"{" + content)
    with pytest.raises(InputError, match=r"broken\.json"):
        artifacts.read_json(tmp_path / "broken.json")


def test_missing_file_is_missing_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        artifacts.load_npz(tmp_path / "none.npz")


def test_json_takes_numpy_and_paths(tmp_path):
    artifacts.write_json(tmp_path / "x.json", {"a": np.float32(0.5), "b": np.arange(2), "c": tmp_path})
    found = json.loads((tmp_path / "x.json").read_text())
    assert len(found.pop("sha256")) == 64
    assert found == {"a": 0.5, "b": [0, 1], "c": str(tmp_path)}
    with pytest.raises(TypeError, match="set"):
        artifacts.write_json(tmp_path / "x.json", {"a": {1}})
    assert artifacts.read_json(tmp_path / "x.json")["a"] == 0.5


def test_check_made_from_names_both_sides(tmp_path):
    artifacts.check_made_from(tmp_path / "t", {"k": [1, 2], "bank": "gabor"}, {"k": (1, 2), "bank": "gabor"})
    with pytest.raises(ArtifactMismatch, match="k: 5 there, 6 asked for.*--workdir"):
        artifacts.check_made_from(tmp_path / "t", {"k": 5, "same": 1}, {"k": 6, "same": 1})
    with pytest.raises(ArtifactMismatch, match="new: None there, 1 asked for"):
        artifacts.check_made_from(tmp_path / "t", {}, {"new": 1})
    with pytest.raises(ArtifactMismatch, match=r"k: '1+\.\.\. there, 6 asked for.*--workdir") as told:
        artifacts.check_made_from(
            tmp_path / "t", {"k": "1" * 9999} | {f"more {i}": "1" * 99 for i in range(99)}, {"k": 6}
        )
    assert len(str(told.value)) < 2000


def test_fingerprint_depends_on_content_shape_type_and_order():
    a = np.arange(6, dtype=np.int32)
    different = [
        artifacts.fingerprint(a),
        artifacts.fingerprint(a.reshape(2, 3)),
        artifacts.fingerprint(a.astype(np.int64)),
        artifacts.fingerprint(a, "x"),
        artifacts.fingerprint("x", a),
        artifacts.fingerprint(a.tolist()),
        artifacts.fingerprint(np.array(["ab", "c"])),
        artifacts.fingerprint(np.array(["a", "bc"])),
        artifacts.fingerprint(b"x"),
    ]
    assert len(set(different)) == len(different)
    assert artifacts.fingerprint(np.asfortranarray(a.reshape(2, 3))) == artifacts.fingerprint(a.reshape(2, 3))
    assert artifacts.fingerprint({"b": 1, "a": 2}) == artifacts.fingerprint({"a": 2, "b": 1})


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, sjft_tf, sjft_tf.config, sjft_tf.scripts.program; sys.exit('tensorflow' in sys.modules)"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
