"""Workers of a Dask cluster that runs already, on two loopback addresses: the programs, as a user starts them."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sjft_tf.artifacts import load_npz

pytestmark = pytest.mark.slow

QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "DASK_LOGGING__DISTRIBUTED": "error"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The file with the address of a scheduler whose two workers are each at an address of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    file, started = folder / "scheduler.json", []

    def start(name, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.{name}", *arguments]
        with open(folder / f"{name}-{len(started)}.log", "w") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env=QUIET, cwd=folder))

    start("dask_scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard", f"--scheduler-file={file}")
    for host in ("127.0.0.2", "127.0.0.3"):
        arguments = ("--nthreads=1", "--no-dashboard", f"--host={host}", "--memory-limit=0")
        start("dask_worker", f"--scheduler-file={file}", *arguments)
    until = time.monotonic() + 120
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    yield file
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait()


@pytest.fixture
def asked(flags):
    """Flags of scripts/retrieve.py: the tiny run, but all neighbors there are."""
    other = ("--rounds", "--steps", "--batch_size", "--k0", "--projector", "--dropout", "--pad")
    return [*(flag for flag in flags if not flag.startswith(other)), "--k0=5", "--rounds=1", "--shard_images=7"]


def table(workdir):
    return load_npz(workdir / "neighbors.npz")[0]


def same(ours, theirs):
    for name, array in table(theirs).items():
        np.testing.assert_array_equal(table(ours)[name], array)


def test_a_scheduler_that_runs_already(asked, forked, cluster, tmp_path):
    forked("retrieve", *asked, f"--workdir={tmp_path / 'local'}")
    done = forked("retrieve", *asked, "--engine=dask", f"--scheduler={cluster}", f"--workdir={tmp_path / 'workers'}")
    assert "6 shards done by workers" in done.stdout
    same(tmp_path / "workers", tmp_path / "local")


def test_workers_elsewhere_find_relative_paths(world, forked, cluster, tmp_path):
    settings = [
        "--bins=8",
        "--descriptor_resize=16",
        "--descriptor_crop=16",
        "--selector=nearest",
        "--k0=5",
        "--rounds=1",
    ]
    settings += ["--target=folder:target", "--source=folder:source", "--shard_images=11"]
    forked("retrieve", *settings, f"--workdir={tmp_path / 'local'}", cwd=world)
    away = os.path.relpath(tmp_path / "workers", world)
    by = ["--engine=dask", f"--scheduler={cluster}", f"--workdir={away}"]
    forked("retrieve", *settings, *by, cwd=world)
    same(tmp_path / "workers", tmp_path / "local")


def test_a_launcher_that_is_killed_goes_on(asked, forks, forked, cluster, tmp_path):
    forked("retrieve", *asked, f"--workdir={tmp_path / 'local'}")
    by = [*asked, "--engine=dask", f"--scheduler={cluster}", "--shard_images=2", f"--workdir={tmp_path / 'workers'}"]
    process = forks.start(["-m", "sjft_tf.scripts.retrieve", *by], tmp_path / "output.txt")
    results = tmp_path / "workers" / "shards" / "search" / "results"
    while not (results.is_dir() and len(list(results.glob("*.npz"))) >= 2):
        assert process.works(0.01) or process.wait() == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = forked("retrieve", *by)
    assert "20 shards done by workers" not in done.stdout
    same(tmp_path / "workers", tmp_path / "local")
