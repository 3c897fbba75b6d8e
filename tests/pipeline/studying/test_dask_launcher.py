"""Whole runs at a cluster's workers, with a cluster of threads of this process in Dask's place."""

import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest

from sjft_tf.config import EngineConfig, RunConfig
from sjft_tf.csv_files import write_raw
from sjft_tf.engine import Answer
from sjft_tf.errors import InputError, Stopped
from sjft_tf.pipeline.studying import dask_launcher, whole_runs
from sjft_tf.pipeline.studying.dask_launcher import DaskLauncher
from sjft_tf.pipeline.studying.job_types import LookJob, TrainJob
from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.pipeline.studying.program import launcher_for

CONFIG = RunConfig().replace("data", target="digits", source=["glyphs"]).replace("engine", engine="dask", workers=2)


class Threads:
    """A cluster; `says(worker, try)` gives an answer, None for a worker that is lost, or "" to have the work done."""

    def __init__(self, says=lambda worker, number: "", workers="ab"):
        self.says, self.workers, self.sent, self.at_once, self.most = says, list(workers), [], 0, 0
        self.lock, self.started, self.closed = threading.Lock(), 0, 0

    def __call__(self, *_, **__):
        return self

    def start(self):
        self.started += 1

    def __exit__(self, *_):
        self.closed += 1

    def addresses(self):
        return self.workers

    def send(self, work, rows, hint, to):
        future, worker = Future(), (to or self.workers)[0]
        with self.lock:
            number = len(self.sent)
            self.sent.append((worker, hint[1]))

        def doing():
            with self.lock:
                self.at_once += 1
                self.most = max(self.most, self.at_once)
            try:
                found = self.says(worker, number)
                if found == "":
                    found = Answer(worker.upper(), worker, work.open()(rows, hint))
            except BaseException as error:
                future.set_exception(error)
            else:
                with self.lock:
                    self.at_once -= 1
                future.set_result(found)

        threading.Thread(target=doing, daemon=True).start()
        return future

    def answer(self, future):
        return future.result()

    def cancel(self, future):
        pass

    def restart(self, future):
        self.says = lambda worker, number: ""

    def tell(self, future, function, *arguments):
        return not future.done() and function(*arguments)


class Process:
    """In place of a process: what it was told, and an end with `STATUS`, or when it is asked to end."""

    STATUS, WAITS, told = None, False, ()

    def __init__(self, log, folder, environment):
        self.log, self.folder, self.asked = log, folder, threading.Event()

    def do(self, job, log, cores):
        self.told.append((job.command, self.folder, log, job.config.engine.engine))
        if self.WAITS:
            assert self.asked.wait(60)
            return 143
        print("error: so it is", file=self.log, flush=True)
        return self.STATUS

    def terminate(self):
        assert not self.asked.is_set()  # once: a second signal would cut a checkpoint off
        self.asked.set()

    def close(self):
        pass


@pytest.fixture
def cluster(monkeypatch):
    """Puts a cluster in Dask's place, and `Process` in that of processes."""
    monkeypatch.setattr(dask_launcher, "_LOOK", 0.01)
    monkeypatch.setattr(whole_runs, "_LOOK", 0.01)
    monkeypatch.setattr(whole_runs, "asker", lambda: lambda: True)
    monkeypatch.setattr(whole_runs, "Worker", Process)
    monkeypatch.setattr(Process, "told", [])

    def put(*args, **settings):
        found = Threads(*args, **settings)
        monkeypatch.setattr(dask_launcher, "DaskEngine", found)
        return found

    yield put
    write_raw(False)


def job(command="trains"):
    return TrainJob(CONFIG, "shared", command, "folder", "", "stamp")


def test_a_job_is_done_at_a_worker_as_it_would_be_here(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = cluster()
    launcher = DaskLauncher(CONFIG.engine, tmp_path)
    assert launcher(job(), tmp_path / "runs" / "log.txt") == ""
    # In the launcher's folder, without workers of its own.
    assert Process.told == [("trains", str(tmp_path), tmp_path / "runs" / "log.txt", "local")]
    assert launcher.at_once == 2
    launcher.close()
    assert found.closed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_job_that_fails_says_why(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(Process, "STATUS", 2)
    cluster()
    said = DaskLauncher(CONFIG.engine, tmp_path)(job(), tmp_path / "log.txt")
    assert said == f"so it is (status 2; all of its output: {tmp_path / 'log.txt'})"


def test_image_sets_are_looked_at_here(cluster, tmp_path, monkeypatch):
    found, seen = cluster(), []
    monkeypatch.setattr(Launcher, "__call__", lambda self, job, log: seen.append(job.config.engine) or "")
    look = LookJob(CONFIG, "shared", "command", "folder", "output", 0.0, None)
    assert DaskLauncher(CONFIG.engine, tmp_path)(look, tmp_path / "log.txt") == ""
    assert not found.started
    elsewhere = replace(CONFIG.engine, workers=0, scheduler="tcp://a:1")
    assert DaskLauncher(elsewhere, tmp_path)(look, tmp_path / "log.txt") == ""
    assert seen == [EngineConfig()] * 2
    assert found.started  # a wrong address is told before


def test_no_more_jobs_than_workers(cluster, tmp_path):
    gate = threading.Barrier(2)
    found = cluster(lambda worker, number: "" if number > 1 else "" * gate.wait(60))
    launcher = DaskLauncher(CONFIG.engine, tmp_path)
    threads = [
        threading.Thread(target=launcher, args=(job(str(number)), tmp_path / f"{number}.txt")) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.most == 2
    assert sorted(command for command, *_ in Process.told) == list("012345")


def test_a_lost_worker_costs_a_try(cluster, tmp_path, monkeypatch, caplog):
    found = cluster(lambda worker, number: None if number < 2 else "")
    assert DaskLauncher(CONFIG.engine, tmp_path)(job(), tmp_path / "log.txt") == ""
    assert len(found.sent) == 3
    assert caplog.text.count("it goes on with another one") == 2
    # So does a process that was ended from outside, as batch systems do before they end the worker.
    monkeypatch.setattr(Process, "STATUS", 143)
    found = cluster()
    assert "3 times" in DaskLauncher(CONFIG.engine, tmp_path)(job(), tmp_path / "log.txt")


def test_a_worker_that_cannot_is_left_out(cluster, tmp_path, caplog):
    found = cluster(lambda worker, number: Answer("A", "a", unfit="no workdir") if worker == "a" else "")
    launcher = DaskLauncher(CONFIG.engine, tmp_path)
    for number in range(2):
        assert launcher(job(), tmp_path / f"{number}.txt") == ""
    assert [worker for worker, _ in found.sent] == ["a", "b", "b"]
    assert caplog.text.count("The worker A is left out: no workdir") == 1
    found.workers = ["a"]
    launcher._looked = 0.0
    with pytest.raises(InputError, match=r"None of the 1 worker\(s\) can do these runs:\n- A: no workdir"):
        launcher(job(), tmp_path / "2.txt")


def test_nobody_comes(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_launcher, "_JOIN_SECONDS", 0.02)
    cluster(workers="")
    with pytest.raises(InputError, match="No worker was there for 0 s"):
        DaskLauncher(CONFIG.engine, tmp_path)(job(), tmp_path / "log.txt")


def test_a_fault_of_ours_is_no_failed_run(cluster, tmp_path):
    cluster(lambda worker, number: Answer("A", "a", failed="Traceback ...", bug=True))
    with pytest.raises(RuntimeError, match=r"On the worker A(.|\n)*Traceback"):
        DaskLauncher(CONFIG.engine, tmp_path)(job(), tmp_path / "log.txt")


def test_stopped_a_run_is_asked_to_end_and_waited_for(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(Process, "WAITS", True)
    cluster()
    launcher = DaskLauncher(CONFIG.engine, tmp_path)
    threading.Thread(target=lambda: _until(lambda: Process.told) or launcher.stop()).start()
    with pytest.raises(Stopped):
        launcher(job(), tmp_path / "log.txt")
    assert not whole_runs._running
    with pytest.raises(Stopped):
        launcher(job(), tmp_path / "log.txt")
    assert not launcher.is_busy()


def test_a_run_ends_when_its_launcher_is_gone(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(Process, "WAITS", True)
    wanted = threading.Event()
    wanted.set()
    monkeypatch.setattr(whole_runs, "asker", lambda: wanted.is_set)
    work = whole_runs.WholeRuns(str(tmp_path), str(tmp_path), whole_runs.versions(), False)
    threading.Thread(target=lambda: _until(lambda: Process.told) or wanted.clear()).start()
    assert work.open()(None, ("name", job().to_json(), str(tmp_path / "log.txt"))).status == 143


def _until(there):
    while not there():
        threading.Event().wait(0.01)


def test_a_run_that_takes_too_long_is_begun_again_where_that_is_asked_for(cluster, tmp_path):
    found = cluster(lambda worker, number: threading.Event().wait(60))
    launcher = DaskLauncher(replace(CONFIG.engine, shard_seconds=0.05), tmp_path)
    assert launcher(job(), tmp_path / "log.txt") == ""
    assert len(found.sent) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folder": "/nowhere"}, "/nowhere is not to be seen"),
        ({"proof": "/nowhere"}, "/nowhere is not to be seen"),
        ({"versions": ("sjft_tf 0",)}, "It has sjft_tf .*, the launcher sjft_tf 0. Install the same everywhere"),
    ],
)
def test_workers_that_cannot_say_why(changes, words, tmp_path):
    work = whole_runs.WholeRuns(str(tmp_path), str(tmp_path), whole_runs.versions(), False)
    with pytest.raises(InputError, match=words):
        replace(work, **changes).open()


def test_what_does_the_jobs_is_chosen_by_the_engine(cluster, tmp_path):
    cluster()
    assert isinstance(launcher_for(CONFIG, tmp_path), DaskLauncher)
    assert isinstance(launcher_for(RunConfig(), tmp_path), Launcher)
    with pytest.raises(InputError, match="--at_once=2 is for --engine=local"):
        launcher_for(CONFIG, tmp_path, 2)
    assert launcher_for(CONFIG.replace("engine", workers=0, scheduler="tcp://a:1"), tmp_path).at_once > 100
