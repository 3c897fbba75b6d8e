"""Processes that do several jobs: which one does what, and what one that fails takes with it. Without TensorFlow."""

import subprocess
import sys

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.parallel import cores
from sjft_tf.pipeline.studying import worker
from sjft_tf.pipeline.studying.job_types import TableJob, TrainJob
from sjft_tf.pipeline.studying.launcher import Launcher

CONFIG = RunConfig().replace("data", target="digits", source=["glyphs"])

PRETENDED = """
import json, os, sys
answers = int(sys.argv[1].partition("=")[2])
done = 0
for line in sys.stdin:
    told = json.loads(line)
    command = told["job"]["command"]
    with open(told["log"], "a") as log:
        print(f"{command} in {os.getpid()}", file=log)
        if command == "fails" or (command == "fails later" and done):
            print("error: so it is", file=log)
    if command == "bad input":
        sys.exit(2)
    if command == "fails" or (command == "fails later" and done):
        sys.exit(3)
    done += 1
    os.write(answers, b"done\\n")
"""


@pytest.fixture
def pretended(monkeypatch):
    """Processes that print what they are told, and fail when they are told so."""
    popen = subprocess.Popen

    def start(command, **how):
        return popen([sys.executable, "-c", PRETENDED, *command[3:]], **how)

    monkeypatch.setattr(worker.subprocess, "Popen", start)


def job(command, kind=TrainJob, config=CONFIG):
    if kind is TableJob:
        return TableJob(config, "shared", command, "folder", "table")
    return TrainJob(config, "shared", command, "folder", "", "stamp")


def processes(log):
    return [line.split()[-1] for line in log.read_text().splitlines() if " in " in line]


def test_a_process_does_one_job_after_the_other(pretended, tmp_path):
    launcher = Launcher()
    for number in range(3):
        assert launcher(job("trains"), tmp_path / f"{number}.txt") == ""
    used = [processes(tmp_path / f"{number}.txt") for number in range(3)]
    assert used == [used[0]] * 3
    launcher.close()
    assert launcher(job("trains"), tmp_path / "after.txt") == ""
    assert processes(tmp_path / "after.txt") != used[0]
    launcher.close()


def test_what_opens_large_sets_and_several_devices_have_their_own(pretended, tmp_path):
    launcher = Launcher()
    several = CONFIG.replace("distribution", strategy="mirrored")
    for number, one in enumerate([job("table", TableJob), job("trains", config=several), job("trains")]):
        assert launcher(one, tmp_path / f"{number}.txt") == ""
    assert len({processes(tmp_path / f"{number}.txt")[0] for number in range(3)}) == 3
    launcher.close()


def test_a_process_ends_after_so_many(pretended, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "JOBS", 2)
    launcher = Launcher()
    for _ in range(4):
        launcher(job("trains"), tmp_path / "log.txt")
    used = processes(tmp_path / "log.txt")
    assert used[0] == used[1] != used[2] == used[3]
    launcher.close()


def test_one_that_fails_is_replaced_and_tried_again_where_others_came_before(pretended, tmp_path):
    launcher = Launcher()
    assert launcher(job("fails"), tmp_path / "a.txt").startswith("so it is (status 3; all of its output: ")
    assert len(processes(tmp_path / "a.txt")) == 1  # a fresh one is believed
    assert launcher(job("trains"), tmp_path / "b.txt") == ""
    assert launcher(job("fails later"), tmp_path / "c.txt") == ""
    first, second = processes(tmp_path / "c.txt")
    assert first == processes(tmp_path / "b.txt")[0] != second
    assert "(status 2;" in launcher(job("bad input"), tmp_path / "d.txt")
    assert processes(tmp_path / "d.txt") == [second]  # not tried again
    assert launcher(job("trains"), tmp_path / "e.txt") == ""
    launcher.close()


@pytest.mark.skipif(cores() < 2, reason="one core")
def test_each_share_has_its_own(pretended, tmp_path):
    launcher = Launcher(2)
    for number in range(4):
        launcher(job("trains"), tmp_path / f"{number}.txt")
    used = [processes(tmp_path / f"{number}.txt")[0] for number in range(4)]
    assert used[:2] == used[2:]
    assert used[0] != used[1]
    launcher.close()


def test_more_than_there_are_cores_is_refused():
    with pytest.raises(InputError, match="--at_once must be at most"):
        Launcher(cores() + 1)
