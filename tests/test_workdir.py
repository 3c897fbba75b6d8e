"""The folder of a run: its lock, its record of settings and of the time spent, and what it says when there is none."""

import fcntl
import json
import subprocess
import sys
from dataclasses import replace

import pytest

import sjft_tf
from sjft_tf import workdir as module
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.owned_folder import MARKER
from sjft_tf.workdir import Workdir


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "runs" / "mine")


def test_everything_lies_inside(workdir):
    places = {name: value for name, value in vars(workdir).items() if name not in ("root", "_inner")}
    assert len(set(places.values())) == len(places) >= 14
    assert all(place.is_relative_to(workdir.root) for place in places.values())
    assert workdir.bad_images("source") == workdir.root / "images" / "source.bad.csv"
    assert not workdir.root.exists()  # naming a folder does not make it


def test_a_file_is_no_workdir(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--workdir=.*file is a file; a folder is needed"):
        Workdir(tmp_path / "file")


def test_the_lock_keeps_others_out_and_cleans_up(workdir):
    workdir.scans.mkdir(parents=True)
    (workdir.root / MARKER).write_text("")
    for name in (".neighbors.npz.x1.sjft-tmp", "images/.scan.npz.x2.sjft-tmp", ".saved_model.x3.sjft-old"):
        (workdir.root / name).write_text("left behind")
    (workdir.root / ".kept.tmp").write_text("somebody's")
    with workdir.locked():
        assert {p.name for p in workdir.root.rglob("*")} == {".lock", MARKER, "images", ".kept.tmp"}
        (workdir.root / ".mine.y1.sjft-tmp").write_text("being written")
        with pytest.raises(InputError, match=r"Another process is working in .*mine"), Workdir(workdir.root).locked():
            pass
        assert (workdir.root / ".mine.y1.sjft-tmp").exists()  # who is kept out removes nothing
    with workdir.locked():
        assert not (workdir.root / ".mine.y1.sjft-tmp").exists()


def test_the_lock_goes_with_the_process(workdir):
    code = (
        "import os, sys; from sjft_tf.workdir import Workdir\n"
        "with Workdir(sys.argv[1]).locked():\n    print('locked', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(workdir.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="Another process"), workdir.locked():
            pass
        holder.kill()
    with workdir.locked():
        pass


def test_the_lock_is_given_back_after_an_error(workdir):
    with pytest.raises(RuntimeError), workdir.locked():
        raise RuntimeError
    with open(workdir.root / ".lock") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_empty_name_is_no_workdir():
    with pytest.raises(InputError, match="--workdir is empty"):
        Workdir("")


def test_the_lock_follows_no_link_and_cuts_nothing(workdir, tmp_path):
    workdir.root.mkdir(parents=True)
    (tmp_path / "theirs").write_text("precious")
    (workdir.root / ".lock").symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="cannot be opened for writing"), workdir.locked():
        pass
    assert (tmp_path / "theirs").read_text() == "precious"
    (workdir.root / ".lock").unlink()
    (workdir.root / ".lock").write_text("old")
    with workdir.locked():
        assert (workdir.root / ".lock").read_text() == "old"


def test_a_folder_that_cannot_be_written_to_is_named(workdir, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.os, "open", refuse)
    with pytest.raises(InputError, match=r"mine cannot be used: .*Permission denied"), workdir.locked():
        pass


def test_settings_are_recorded_with_versions(workdir):
    config = replace(RunConfig(), data=replace(RunConfig().data, target="folder:ä b", source=["x", "y"]))
    workdir.write_config(config)
    assert workdir.read_config() == config
    record = json.loads(workdir.config.read_text())
    assert record["sjft_tf"] == sjft_tf.__version__
    assert {"keras", "numpy"} <= set(record["packages"])
    assert {"tensorflow", "tensorflow-cpu"} & set(record["packages"])
    assert record["python"] == ".".join(map(str, sys.version_info[:3]))


def test_no_run_here(workdir):
    with pytest.raises(InputError, match=r"There is no run in .*mine \(config\.json is missing\)\. Train one first"):
        workdir.read_config()


def test_a_damaged_record_is_named(workdir):
    workdir.root.mkdir(parents=True)
    workdir.config.write_text('{"config": {')
    with pytest.raises(InputError, match=r"config\.json .*is not valid JSON"):
        workdir.read_config()


def test_the_revision_is_the_checkouts_or_none(tmp_path, monkeypatch):
    place = tmp_path / "checkout" / "sjft_tf"
    place.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(place / "workdir.py"))
    assert module._revision() is None

    def git(*arguments):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        ask = ["git", "-C", str(place.parent), *who, *arguments]
        return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    assert module._revision() is None  # nothing committed yet
    (place / "workdir.py").write_text("")
    git("add", ".")
    git("commit", "--quiet", "-m", "first", "--no-verify")
    head = git("rev-parse", "--short=12", "HEAD")
    assert module._revision() == head
    (place / "workdir.py").write_text("changed")
    assert module._revision() == f"{head}+changes"
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert module._revision() is None


def test_time_of_a_stage_adds_up_and_counts_once(workdir, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    for _ in range(2):
        with workdir.timed("training"):
            now[0] += 10
            with workdir.timed("evaluation"):
                now[0] += 3
                with workdir.timed("plots"):
                    now[0] += 1
            now[0] += 0.5
    with workdir.timed("export"):
        now[0] += 2
    assert workdir.read_times() == {"plots": 2.0, "evaluation": 6.0, "training": 21.0, "export": 2.0}
    # Another start of the same run goes on counting.
    again = Workdir(workdir.root)
    with again.timed("export"):
        now[0] += 1
    assert workdir.read_times()["export"] == 3.0
