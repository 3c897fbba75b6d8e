"""Has the jobs of a study done in processes apart, and ends them."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import IO

from sjft_tf.errors import InputError
from sjft_tf.parallel import cores
from sjft_tf.pipeline.studying.job_types import Job
from sjft_tf.pipeline.studying.stoppable import Stoppable
from sjft_tf.pipeline.studying.worker import Worker, opened, reason

_TOLD = 2  # status after bad input, which another try would not like better


class Share:
    """A share of the processor cores and the process that works on it; all cores where there is one share.

    Args:
        cores: empty for all.
    """

    def __init__(self, cores: list[int]) -> None:
        self.cores = cores
        self.worker: Worker | None = None


class Launcher(Stoppable):
    """Does jobs in processes apart, so many at once, each on its share of the processor cores.

    A process does several jobs, one after the other. One in which a job fails ends, and another takes its place.

    Args:
        at_once: jobs done at the same time; another one waits. 1 leaves all cores to it.

    Attributes:
        at_once: likewise.

    Raises:
        InputError: more than there are cores.
    """

    def __init__(self, at_once: int = 1) -> None:
        if at_once > cores():
            raise InputError(f"--at_once must be at most {cores()}, the processor cores there are. Received: {at_once}")
        own = sorted(os.sched_getaffinity(0)) if at_once > 1 and hasattr(os, "sched_getaffinity") else []
        super().__init__()
        self._all = [Share(own[number::at_once]) for number in range(at_once)]
        self._free: queue.SimpleQueue[Share] = queue.SimpleQueue()
        for share in self._all:
            self._free.put(share)
        self.at_once = at_once
        self._busy: set[Worker] = set()
        self._starting = threading.Lock()

    def __call__(self, job: Job, log: Path) -> str:
        """Does a job.

        Args:
            job: see `pipeline.studying.job_types`.
            log: file that its output is added to.

        Returns:
            What went wrong, "" for nothing.

        Raises:
            Stopped: this process got SIGTERM or Ctrl-C; the run has written a checkpoint.
        """
        share = self._free.get()
        try:
            with opened(log) as output:
                begun = output.tell()
                status, again = self._do(job, share, log, output)
                if again:  # perhaps it could not be done because of what was done before it
                    status, _ = self._do(job, share, log, output)
            return "" if status is None else reason(log, begun, status)
        finally:
            self._free.put(share)

    def _do(self, job: Job, share: Share, log: Path, output: IO[str]) -> tuple[int | None, bool]:
        """`(None or the status of the process that failed, whether a new one should try again)`."""
        with self._starting:
            if self.stopped:
                raise self.ended()
            worker = share.worker or Worker(output)
            share.worker = None
            self._busy.add(worker)
        try:
            if self.stopped:  # meanwhile
                worker.terminate()
            status = worker.do(job, log, share.cores)
            if status is None and worker.goes_on(job):
                share.worker = worker
        except BaseException:
            worker.kill()
            raise
        finally:
            self._busy.discard(worker)
            if share.worker is None:
                worker.close()
        if self.stopped:
            raise self.ended()
        return status, worker.used and status not in (None, _TOLD)

    def close(self) -> None:
        """Ends the processes that wait for a job; the next job starts one again. While none is done only."""
        for share in self._all:
            worker, share.worker = share.worker, None
            if worker is not None:
                worker.close()

    def stop(self) -> None:
        super().stop()
        for worker in list(self._busy):
            worker.terminate()

    def is_busy(self) -> bool:
        return bool(self._busy)

    def kill(self) -> None:
        for worker in list(self._busy):
            worker.kill()
