"""Places that may not be written to end with an InputError naming them; links at fixed names are not followed."""

import errno
import os

import pytest
from sjft_tf.scripts import compare_run

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.summaries.events import RoundSummaries


def refuse(number):
    def action(*_, **__):
        raise OSError(number, os.strerror(number), "place")

    return action


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_place_without_rights_is_named(number, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts.tempfile, "mkstemp", refuse(number))
    monkeypatch.setattr(artifacts.tempfile, "mkdtemp", refuse(number))
    with pytest.raises(InputError, match=rf"value\.json cannot be written \({os.strerror(number)}: place\)"):
        artifacts.write_json(tmp_path / "value.json", {})
    with pytest.raises(InputError, match="model cannot be written"), artifacts.atomic_directory(tmp_path / "model"):
        pass


def test_refusals_are_told_from_other_errors():
    assert artifacts.refusal(PermissionError(errno.EACCES, "no", "x")) == f"{os.strerror(errno.EACCES)}: x"
    assert artifacts.refusal(OSError(errno.EIO, "broken")) is None
    assert artifacts.refusal(ValueError("Permission denied")) is None


def test_logs_do_not_follow_links(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "x.tfevents.1.round-00").write_text("precious")
    (tmp_path / "logs").symlink_to("theirs")
    with pytest.raises(InputError, match="logs is a link"):
        RoundSummaries(tmp_path / "logs", 0)
    (tmp_path / "log.txt").symlink_to(tmp_path / "theirs" / "x.tfevents.1.round-00")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)) as error:
        compare_run.Launcher()({}, tmp_path / "log.txt")
    assert artifacts.refusal(error.value)
    assert (tmp_path / "theirs" / "x.tfevents.1.round-00").read_text() == "precious"


def test_a_folder_takes_the_place_of_a_link(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "a").write_text("")
    (tmp_path / "model").symlink_to("theirs")
    with artifacts.atomic_directory(tmp_path / "model") as folder:
        (folder / "b").write_text("")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["b"]
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["a"]
