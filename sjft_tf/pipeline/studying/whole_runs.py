"""Whole runs as the work of a cluster's workers: what happens in the process of a worker. Without TensorFlow."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import sjft_tf
from sjft_tf.csv_files import write_raw
from sjft_tf.engine import asker, own_cores
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.job_types import job_from_json
from sjft_tf.pipeline.studying.worker import Worker, opened, reason

_LOOK = 1.0  # seconds between two looks whether a run is still wanted
_running: dict[str, Worker] = {}  # by the name that the launcher gave
_asked: set[str] = set()


@dataclass(frozen=True)
class Ended:
    """How the process of a job ended.

    Attributes:
        status: None when the job is done; of the process if it ended instead.
        error: what it said last, "" for nothing.
    """

    status: int | None
    error: str = ""


@dataclass(frozen=True)
class WholeRuns:
    """Does jobs of a study, each in a process of its own that ends with this one.

    Attributes:
        folder: what the launcher's relative paths start from.
        proof: a file in the study's workdir that its launcher has just made.
        versions: see `versions`.
        raw_csv: of the launcher's command.
    """

    folder: str
    proof: str
    versions: tuple[str, ...]
    raw_csv: bool

    def open(self) -> Callable[[np.ndarray, Any], Ended]:
        """What does a job: the hint is `(name, job as JSON, path of its log)`, the rows are nothing.

        Raises:
            InputError: this worker does not see the launcher's files, or has other versions.
        """
        for path in (self.folder, self.proof):
            if not Path(path).exists():
                raise InputError(
                    f"{path} is not to be seen. The folder in which the command was started, the folders of images, "
                    "the weight files and --workdir must lie on a file system that all workers see."
                )
        if versions() != self.versions:
            raise InputError(
                f"It has {', '.join(versions())}, the launcher {', '.join(self.versions)}. Install the same everywhere."
            )
        write_raw(self.raw_csv)
        return self._do

    def _do(self, _: np.ndarray, told: tuple[str, dict[str, Any], str]) -> Ended:
        name, job, log = told[0], job_from_json(told[1]), Path(told[2])
        with opened(log) as output:
            begun = output.tell()
            worker = Worker(output, self.folder, _environment())
            try:
                with _watched(name, worker):
                    status = worker.do(job, log, own_cores())
            except BaseException:
                worker.kill()
                raise
            finally:
                worker.close()
        return Ended(status, "" if status is None else reason(log, begun, status))


def versions() -> tuple[str, ...]:
    """What must be alike everywhere for runs to be."""
    return f"sjft_tf {sjft_tf.__version__}", f"Keras {metadata.version('keras')}"


def stop(name: str) -> bool:
    """Asks the run that the launcher calls `name` to write its checkpoint and end, once; whether it is done here."""
    worker = _running.get(name)
    if worker is not None and name not in _asked:
        _asked.add(name)
        worker.terminate()
    return worker is not None


@contextlib.contextmanager
def _watched(name: str, worker: Worker) -> Iterator[None]:
    """Inside, a run can be stopped by its name, and is when its launcher is gone."""
    wanted, ended = asker(), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK):
            if not wanted():
                stop(name)

    _running[name] = worker
    threading.Thread(target=watch, name="sjft-wanted", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        del _running[name]
        _asked.discard(name)


def _environment() -> dict[str, str]:
    """Of this process, without what Dask set to keep its workers to one thread: a run uses its share of the cores."""
    import dask

    own = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    return {name: value for name, value in os.environ.items() if str(own.get(name)) != value}
