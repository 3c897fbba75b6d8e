"""Whole runs of a study at the workers of a Dask cluster: the figures of one machine, whoever is killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sjft_tf import artifacts
from sjft_tf.parallel import cores

pytestmark = pytest.mark.slow

STUDY = [sys.executable, "-m", "sjft_tf.scripts.factors", "--factor=rate", "--values=0.01,0.03"]
STUDY += ["--deterministic", "--checkpoint_steps=2"]


def until(found, process=None):
    """Waits until `found()` is something, and gives it."""
    deadline = time.monotonic() + 300
    while not (there := found()):
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.1)
    return there


def processes(folder):
    """Of the runs under `folder`, by their logs: `{process: its parent}`."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str((path / "fd" / "1").readlink()).startswith(f"{folder}/"):
                found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # not ours, or gone
            continue
    return found


def begun(folder):
    """Likewise of a run that has a checkpoint."""
    written = folder.glob("runs/*/seed*/checkpoints/step-*")
    return next((found for path in written if (found := processes(path.parents[1]))), None)


def figures(folder):
    return {
        path.parent.parent.name + path.parent.name: artifacts.read_json(path)["final"]
        for path in folder.glob("runs/*/*/result.json")
    }


@pytest.fixture
def scheduler():
    """A scheduler with two workers, as somebody else would start them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    host, _, port = address.partition(":")
    commands = [["scheduler", "--host", host, "--port", port], *[["worker", f"tcp://{address}", "--nthreads=1"]] * 2]
    started = [
        subprocess.Popen([*dask, *command, "--no-dashboard"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    yield f"tcp://{address}"
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait()


def test_figures_of_one_machine_though_a_worker_is_killed(flags, tmp_path):
    command = [*STUDY, *flags, "--seeds=0", "--steps_per_round=20"]
    here, there = tmp_path / "here", tmp_path / "there"
    subprocess.run([*command, f"--workdir={here}", f"--at_once={min(2, cores())}"], check=True, capture_output=True)
    command += [f"--workdir={there}", "--engine=dask", "--workers=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        run, worker = until(lambda: begun(there), process).popitem()
        assert worker != process.pid
        os.kill(worker, signal.SIGKILL)
        until(lambda: run not in processes(there))
        output = process.communicate()[0]
        assert process.returncode == 0, output
    assert any("continuing in round" in path.read_text() for path in there.glob("runs/*/*/log.txt"))
    wanted, found = figures(here), figures(there)
    assert set(found) == set(wanted)
    for name, final in found.items():
        for metric, sets in final.items():
            assert sets == pytest.approx(wanted[name][metric], rel=1e-4)


@pytest.mark.parametrize("own", [True, False])
def test_the_launcher_is_killed_and_started_again(own, flags, tmp_path, scheduler):
    folder = tmp_path / "study"
    command = [*STUDY, *flags, "--seeds=0,1", "--steps_per_round=30", f"--workdir={folder}", "--engine=dask"]
    command += ["--workers=2" if own else f"--scheduler={scheduler}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        until(lambda: list(folder.glob("runs/*/*/result.json")), process)
        until(lambda: begun(folder), process)
        process.kill()
    until(lambda: not processes(folder))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/*/result.json")}
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(figures(folder)) == 4
    assert not list(folder.glob(".*.sjft-tmp"))


def test_stopped_runs_write_a_checkpoint(flags, tmp_path):
    folder = tmp_path / "study"
    # So many steps that no processor has done them before its bar is written for the first time, after 15 s.
    steps = ["--steps_per_round=200000", "--checkpoint_steps=999999"]
    command = [*STUDY, *flags, *steps, "--seeds=0", f"--workdir={folder}"]
    with subprocess.Popen([*command, "--engine=dask", "--workers=2"], start_new_session=True) as process:
        until(lambda: [path for path in folder.glob("runs/*/*/log.txt") if "Round 1/2:" in path.read_text()], process)
        os.killpg(process.pid, signal.SIGTERM)  # as batch systems do: the workers too
        assert process.wait() == 143
    assert not processes(folder)
    assert list(folder.glob("runs/*/seed0/checkpoints/step-*"))
