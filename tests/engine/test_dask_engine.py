"""Dask's workers: processes of this machine, started here."""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sjft_tf.engine import DaskEngine, asker, divided
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class Sums:
    """Adds rows and the hint up; at some rows it fails, or ends its process the first time."""

    killed: str = ""
    failing: int = -1

    def open(self):
        def add(rows, hint):
            if self.failing in rows:
                raise InputError("cannot read image 5")
            if self.killed and 5 in rows and not Path(self.killed).exists():
                Path(self.killed).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return int(rows.sum()) + hint, len(os.sched_getaffinity(0))

        return add


@pytest.fixture(scope="module")
def engine():
    with DaskEngine(workers=2) as started:
        yield started


def done(engine, work):
    return dict(value for _, value in engine.each(work, divided(np.arange(20, dtype=np.int32), 4), lambda: 1000))


def test_every_shard_on_its_share_of_the_cores(engine):
    found = done(engine, Sums())
    assert sorted(found) == [1006, 1022, 1038, 1054, 1070]
    assert max(found.values()) <= max(1, (os.cpu_count() + 1) // 2)


def test_a_shard_that_fails_everywhere(engine):
    with pytest.raises(InputError, match=r"4 images \(rows 4 to 7\) could not be done by any of 2(.|\n)*image 5"):
        done(engine, Sums(failing=5))


def test_no_scheduler(monkeypatch):
    monkeypatch.setattr("sjft_tf.engine.dask_engine._CONNECT_SECONDS", 0.5)
    with (
        DaskEngine(scheduler="tcp://127.0.0.1:9") as engine,
        pytest.raises(InputError, match=r"--scheduler=tcp://127.0.0.1:9: no Dask scheduler answers"),
    ):
        done(engine, Sums())


def test_a_worker_that_is_killed_costs_its_shard_only(engine, tmp_path):
    assert sorted(done(engine, Sums(killed=str(tmp_path / "once")))) == [1006, 1022, 1038, 1054, 1070]


@dataclass(frozen=True)
class Hanging:
    """Never answers, the first time."""

    once: str

    def open(self):
        def hang(rows, _):
            if not Path(self.once).exists():
                Path(self.once).touch()
                threading.Event().wait()
            return len(rows)

        return hang


@pytest.mark.slow
def test_the_only_worker_is_killed(tmp_path):
    with DaskEngine(workers=1) as engine:
        assert sorted(done(engine, Sums(killed=str(tmp_path / "once")))) == [1006, 1022, 1038, 1054, 1070]


@pytest.mark.slow
def test_a_worker_that_hangs_is_started_again(tmp_path, monkeypatch):
    restart, restarted = DaskEngine.restart, []
    monkeypatch.setattr(
        DaskEngine, "restart", lambda self, future: restarted.append(restart(self, future)) or restarted[-1]
    )
    with DaskEngine(workers=1, patience=3) as engine:
        rows = divided(np.arange(6, dtype=np.int32), 3)
        assert [value for _, value in engine.each(Hanging(str(tmp_path / "once")), rows)] == [3, 3]
    assert any(restarted)


def test_a_worker_that_left_meanwhile_is_not_started_again():
    class Client:
        def processing(self):
            return {"tcp://elsewhere": [], "tcp://left": ["shard"]}

        def run(self, function, workers, **how):
            raise KeyError(workers[0])

    engine = DaskEngine.__new__(DaskEngine)
    engine._client = Client()
    assert engine.restart(SimpleNamespace(key="shard")) == ""


def test_the_page_needs_bokeh(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="--dashboard needs Bokeh: pip install bokeh"):
        DaskEngine(dashboard=True)


@dataclass(frozen=True)
class Waits:
    """Waits until it is told, or nobody waits for it any more; says so in a file."""

    folder: str

    def open(self):
        def wait(rows, hint):
            wanted = asker()
            (Path(self.folder) / f"{hint} begun").touch()
            while wanted() and not TOLD.wait(0.05):
                pass
            (Path(self.folder) / f"{hint} {'told' if TOLD.is_set() else 'gone'}").touch()
            return os.getpid()

        return wait


TOLD = threading.Event()


def tell():
    TOLD.set()
    return True


def wait_for(path):
    while not path.exists():
        threading.Event().wait(0.05)


def test_what_is_at_a_shard_is_told_and_sees_that_nobody_waits(engine, tmp_path):
    engine.start()
    future = engine.send(Waits(str(tmp_path)), np.zeros(0, np.int32), "a", [])
    wait_for(tmp_path / "a begun")
    engine.cancel(future)
    wait_for(tmp_path / "a gone")
    future = engine.send(Waits(str(tmp_path)), np.zeros(0, np.int32), "b", [])
    wait_for(tmp_path / "b begun")
    while not engine.tell(future, tell):
        threading.Event().wait(0.05)
    process = engine.answer(future).value
    assert (tmp_path / "b told").exists()
    assert not engine.tell(future, tell)
    os.kill(process, signal.SIGTERM)  # as batch systems do, to all: it ends with this process, not before
    assert len(done(engine, Sums())) == 5
    os.kill(process, 0)
