"""Has the jobs of a study done by the workers of a Dask cluster, one at a time each."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.config import EngineConfig
from sjft_tf.csv_files import writes_raw
from sjft_tf.engine import Answer, DaskEngine
from sjft_tf.errors import InputError, Stopped
from sjft_tf.parallel import cores
from sjft_tf.pipeline.studying.job_types import Job, LookJob, SurveyJob
from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.pipeline.studying.stoppable import Stoppable
from sjft_tf.pipeline.studying.whole_runs import Ended, WholeRuns, stop, versions

log = logging.getLogger(__name__)

_MOST = 256  # runs at once where workers come and go
_TRIES = 3  # workers that may be lost with a run
_LOOK = 1.0  # seconds between two looks at the workers
_JOIN_SECONDS = 120.0
_NO_ROWS = np.zeros(0, np.int32)
_ENDED_BY_SIGNAL = (-signal.SIGTERM, 128 + signal.SIGTERM, 128 + signal.SIGINT)


class DaskLauncher(Stoppable):
    """Takes the place of `Launcher` where --engine=dask is asked for; several threads call it.

    A job is a process that a worker starts, with its log and its result in the study's workdir, as it would be here.
    Image sets are looked at here, before there are workers: what they tell may lie in a temporary folder. No job has
    workers of its own.

    Args:
        config: with engine=dask.
        root: the study's workdir, which all workers must see.

    Attributes:
        at_once: threads that may call it at the same time; they wait for workers.

    Raises:
        InputError: Dask is not installed.
    """

    def __init__(self, config: EngineConfig, root: Path) -> None:
        super().__init__()
        self.at_once = _MOST if config.scheduler else config.workers or cores()
        self._scheduler = config.scheduler
        self._engine = DaskEngine(config.workers, config.scheduler, dashboard=config.dashboard)
        self._limit = config.shard_seconds
        # A leftover, should it stay, is removed by whoever works in the folder next.
        self._proof = root.absolute() / f".{uuid.uuid4().hex}.sjft-tmp"
        self._work = WholeRuns(str(Path.cwd()), str(self._proof), versions(), writes_raw())
        self._here = Launcher()
        self._left_out: dict[str, str] = {}  # by address why
        self._there: list[str] = []
        self._seen = self._looked = 0.0
        self._changed = threading.Condition()
        self._numbers, self._line, self._calls, self._at_work = itertools.count(), list[int](), 0, 0
        self._killed = False

    def __call__(self, job: Job, log: Path) -> str:
        """Does a job, see `Launcher`.

        Raises:
            Stopped: this process got SIGTERM or Ctrl-C; the run has written a checkpoint.
            InputError: no worker can do it, or none is there.
        """
        job = dataclasses.replace(job, config=dataclasses.replace(job.config, engine=EngineConfig()))
        if isinstance(job, LookJob | SurveyJob):
            if self._scheduler:
                self._engine.start()  # a wrong address is told at once
            try:
                return self._here(job, log)
            except Stopped as end:
                raise self.ended() from end
        with self._turn():
            return self._done(job, log.absolute())

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Inside, one of the workers is free; who came first has it first."""
        with self._changed:
            number = next(self._numbers)
            self._calls += 1
            self._line.append(number)
        try:
            self._proof.touch()
            self._engine.start()
            with self._changed:
                while self._line[0] != number or self._at_work >= len(self._usable()):
                    if self.stopped:
                        raise self.ended()
                    self._changed.wait(_LOOK)
                self._line.remove(number)
                self._at_work += 1
                self._changed.notify_all()
            yield
        finally:
            with self._changed:
                self._calls -= 1
                if number in self._line:
                    self._line.remove(number)
                else:
                    self._at_work -= 1
                self._changed.notify_all()

    def _done(self, job: Job, path: Path) -> str:
        lost = 0
        while lost < _TRIES:
            answer = self._answer(job, path)
            if answer is not None and (why := answer.unfit or answer.failed):
                if answer.bug:
                    raise RuntimeError(f"On the worker {answer.worker}:\n{why}")
                with self._changed:
                    if answer.address not in self._left_out:
                        self._left_out[answer.address] = f"- {answer.worker}: {why}"
                        log.warning("The worker %s is left out: %s", answer.worker, why)
                continue
            ended: Ended | None = None if answer is None else answer.value
            if self.stopped:
                raise self.ended()
            if ended is not None and ended.status not in _ENDED_BY_SIGNAL:
                return ended.error
            # A batch system ends what a worker has started before it ends the worker.
            lost += 1
            log.warning("%s: the worker that had it is gone; it goes on with another one", path.parent)
        return (
            f"the workers that had it ended, {lost} times: perhaps their memory does not do. Take fewer workers a "
            f"machine. All of its output: {path}"
        )

    def _answer(self, job: Job, path: Path) -> Answer | None:
        """What a worker says in the end; None: it is gone, or took longer than it may."""
        name, begun, answered = uuid.uuid4().hex, time.monotonic(), threading.Event()
        usable = self._usable()
        named = usable if self._left_out else []
        future: Any = self._engine.send(self._work, _NO_ROWS, (name, job.to_json(), str(path)), named)
        future.add_done_callback(lambda _: answered.set())
        try:
            while not answered.wait(_LOOK):
                there = self._usable()
                if self._killed or (self.stopped and not self._engine.tell(future, stop, name)):
                    raise self.ended()
                if self._limit and time.monotonic() - begun > self._limit:
                    self._engine.restart(future)
                    return None
                if named and not set(named) & set(there):
                    return None  # only those that it was sent to would take it
            return self._engine.answer(future)
        finally:
            self._engine.cancel(future)

    def _usable(self) -> list[str]:
        """Addresses of the workers that can do jobs.

        Raises:
            InputError: none of those there are can, or none has been there for long.
        """
        with self._changed:
            now = time.monotonic()
            if now - self._looked >= _LOOK:
                self._there, self._looked = [], now
                with contextlib.suppress(OSError):  # no scheduler either: perhaps it comes back
                    self._there = self._engine.addresses()
                self._seen = now if self._there else self._seen or now
            if not self._there and now - self._seen > _JOIN_SECONDS:
                raise InputError(
                    f"No worker was there for {_JOIN_SECONDS:.0f} s. Start some at the scheduler, or leave --scheduler "
                    "out. What is finished stays; the same command goes on."
                )
            usable = [address for address in self._there if address not in self._left_out]
            if self._there and not usable:
                reasons = "\n".join(dict.fromkeys(self._left_out.values()))
                raise InputError(f"None of the {len(self._there)} worker(s) can do these runs:\n{reasons}")
            return usable

    def stop(self) -> None:
        super().stop()  # whoever waits for a job sees it
        self._here.stop()

    def kill(self) -> None:
        self._killed = True
        self._here.kill()

    def is_busy(self) -> bool:
        return self._calls > 0 or self._here.is_busy()

    def close(self) -> None:
        self._here.close()
        self._engine.__exit__()
        self._proof.unlink(missing_ok=True)
