"""Has the jobs of a study done in processes apart, and ends them."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sjft_tf.artifacts import refusal
from sjft_tf.errors import InputError, Stopped
from sjft_tf.parallel import cores
from sjft_tf.pipeline.studying.job_types import Job
from sjft_tf.pipeline.studying.worker import Worker
from sjft_tf.training import SIGNALS

STOPPED = "Ended by {}. The same command goes on."
_TOLD = 2  # status after bad input, which another try would not like better


def _no_link(path: str, how: int) -> int:
    return os.open(path, how | os.O_NOFOLLOW, 0o644)


def _opened(log: Path) -> IO[str]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return open(log, "a", encoding="utf-8", opener=_no_link)
    except OSError as error:
        if (denied := refusal(error)) is None:
            raise
        raise InputError(
            f"{log} cannot be written ({denied}). Remove it if it is a link, or make its folder one that you may "
            "write to, and start the same command again."
        ) from error


class Share:
    """A share of the processor cores and the process that works on it; all cores where there is one share.

    Args:
        cores: empty for all.
    """

    def __init__(self, cores: list[int]) -> None:
        self.cores = cores
        self.worker: Worker | None = None


class Launcher:
    """Does jobs in processes apart, so many at once, each on its share of the processor cores.

    A process does several jobs, one after the other. One in which a job fails ends, and another takes its place.

    Args:
        at_once: jobs done at the same time; another one waits. 1 leaves all cores to it.

    Raises:
        InputError: more than there are cores.
    """

    def __init__(self, at_once: int = 1) -> None:
        if at_once > cores():
            raise InputError(f"--at_once must be at most {cores()}, the processor cores there are. Received: {at_once}")
        own = sorted(os.sched_getaffinity(0)) if at_once > 1 and hasattr(os, "sched_getaffinity") else []
        self._all = [Share(own[number::at_once]) for number in range(at_once)]
        self._free: queue.SimpleQueue[Share] = queue.SimpleQueue()
        for share in self._all:
            self._free.put(share)
        self._busy: set[Worker] = set()
        self._starting = threading.Lock()
        self._stopped = False
        self._signal = signal.SIGTERM

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
            with _opened(log) as output:
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
            if self._stopped:
                raise self._ended()
            worker = share.worker or Worker(output)
            share.worker = None
            self._busy.add(worker)
        try:
            if self._stopped:  # meanwhile
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
        if self._stopped:
            raise self._ended()
        return status, worker.used and status not in (None, _TOLD)

    def close(self) -> None:
        """Ends the processes that wait for a job; the next job starts one again. While none is done only."""
        for share in self._all:
            worker, share.worker = share.worker, None
            if worker is not None:
                worker.close()

    def stop(self) -> None:
        """Asks all jobs to write a checkpoint and end; from now on a job raises `Stopped`."""
        self._stopped = True
        for worker in list(self._busy):
            worker.terminate()

    @contextlib.contextmanager
    def stoppable(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop the jobs, and this process when they are done. In the main thread only.

        A second Ctrl-C ends everything at once.
        """

        def ended(number: int, _: object) -> None:
            if self._stopped and number == signal.SIGINT:
                for worker in list(self._busy):
                    worker.kill()
                raise KeyboardInterrupt
            busy = bool(self._busy)
            self._signal = self._signal if self._stopped else signal.Signals(number)
            self.stop()
            if not busy:
                raise self._ended()

        # What was started in the background ignores Ctrl-C, which is meant for another program then.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, ended) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()

    def _ended(self) -> Stopped:
        return Stopped(STOPPED.format(SIGNALS[self._signal]), self._signal)


def reason(log: Path, begun: int, status: int) -> str:
    """What a failed process said last: its `error:` line, else the last line of its output."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        stream.seek(begun)
        lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    return f"{said.removeprefix('error: ') or 'no message'} (status {status}; all of its output: {log})"
