"""Places that may not be written to end with an InputError naming them; links at fixed names are not followed."""

import errno
import os
from pathlib import Path

import h5py
import pytest
import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.summaries import RoundSummaries


def refuse(number):
    def action(*_, **__):
        raise OSError(number, os.strerror(number), "place")

    return action


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_place_without_rights_is_named(number, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts.writing.tempfile, "mkstemp", refuse(number))
    monkeypatch.setattr(artifacts.writing.tempfile, "mkdtemp", refuse(number))
    with pytest.raises(InputError, match=rf"value\.json cannot be written \({os.strerror(number)}: place\)"):
        artifacts.write_json(tmp_path / "value.json", {})
    with pytest.raises(InputError, match="model cannot be written"), artifacts.atomic_directory(tmp_path / "model"):
        pass


def test_refusals_are_told_from_other_errors():
    assert artifacts.refusal(PermissionError(errno.EACCES, "no", "x")) == f"{os.strerror(errno.EACCES)}: x"
    assert artifacts.refusal(OSError(errno.EIO, "broken")) is None
    assert artifacts.refusal(ValueError("Permission denied")) is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_the_words_of_tensorflow_and_hdf5_are_understood(number, tmp_path, monkeypatch):
    said = os.strerror(number)
    words = {
        "TensorFlow": tf.errors.PermissionDeniedError(
            None, None, f"{{{{node save}}}} /their place/x; {said} [Op:Save]"
        ),
        "HDF5": OSError(f"Unable to create file (name = '/their place/x', errno = {number}, error message = '{said}')"),
        "h5py": OSError(number, f"Unable to create file (name = '/their place/x', error message = '{said}')"),
    }
    for error in words.values():
        assert artifacts.refusal(error) == f"{said}: /their place/x"
        with (
            pytest.raises(InputError, match=rf"model cannot be written \({said}: /their place/x\)"),
            artifacts.atomic_directory(tmp_path / "model"),
        ):
            try:
                raise error
            except type(error) as cause:
                raise RuntimeError("could not be saved") from cause
    assert artifacts.refusal(tf.errors.InternalError(None, None, "a kernel")) is None
    assert artifacts.refusal(RuntimeError(f"{said}")) == said


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no place that refuses everybody, root too")
@pytest.mark.parametrize(
    "write", [lambda path: tf.io.write_file(path, "x"), lambda path: h5py.File(path, "w")], ids=["TensorFlow", "HDF5"]
)
def test_what_they_really_say(write):
    with pytest.raises((OSError, tf.errors.OpError)) as failed:
        write("/sys/sjft_tf_test")
    assert artifacts.refusal(failed.value) in [
        f"{os.strerror(n)}: /sys/sjft_tf_test" for n in artifacts.writing._REFUSED
    ]


def test_logs_do_not_follow_links(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "x.tfevents.1.round-00").write_text("precious")
    (tmp_path / "logs").symlink_to("theirs")
    with pytest.raises(InputError, match="logs is a link"):
        RoundSummaries(tmp_path / "logs", 0)
    (tmp_path / "log.txt").symlink_to(tmp_path / "theirs" / "x.tfevents.1.round-00")
    with pytest.raises(InputError, match=rf"log\.txt cannot be written \({os.strerror(errno.ELOOP)}"):
        Launcher()({}, tmp_path / "log.txt")
    assert (tmp_path / "theirs" / "x.tfevents.1.round-00").read_text() == "precious"


def test_a_folder_takes_the_place_of_a_link(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "a").write_text("")
    (tmp_path / "model").symlink_to("theirs")
    with artifacts.atomic_directory(tmp_path / "model") as folder:
        (folder / "b").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["b"]
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["a"]
