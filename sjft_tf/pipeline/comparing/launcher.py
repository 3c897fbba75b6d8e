"""Starts the runs of a comparison as processes of their own (scripts/compare_run.py), and ends them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sjft_tf.artifacts import refusal
from sjft_tf.csv_files import writes_raw
from sjft_tf.errors import InputError, Stopped
from sjft_tf.parallel import cores
from sjft_tf.training import SIGNALS

STOPPED = "Ended by {}. The same command goes on."


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


class Launcher:
    """Does jobs in processes of their own, so many at once, each on its share of the processor cores.

    Args:
        at_once: jobs done at the same time; another one waits. 1 leaves all cores to it.

    Raises:
        InputError: more than there are cores.
    """

    def __init__(self, at_once: int = 1) -> None:
        if at_once > cores():
            raise InputError(f"--at_once must be at most {cores()}, the processor cores there are. Received: {at_once}")
        self._shares: queue.SimpleQueue[list[int]] = queue.SimpleQueue()
        there = sorted(os.sched_getaffinity(0)) if at_once > 1 and hasattr(os, "sched_getaffinity") else []
        for number in range(at_once):
            self._shares.put(there[number::at_once])
        self._children: set[subprocess.Popen[str]] = set()
        self._starting = threading.Lock()
        self._stopped = False
        self._signal = signal.SIGTERM

    def __call__(self, job: dict[str, Any], log: Path) -> str:
        """Does a job.

        Args:
            job: see `pipeline.comparing.jobs.work`.
            log: file that its output is added to.

        Returns:
            What went wrong, "" for nothing.

        Raises:
            Stopped: this process got SIGTERM or Ctrl-C; the run has written a checkpoint.
        """
        share = self._shares.get()
        try:
            return self._do({**job, "cores": share}, log)
        finally:
            self._shares.put(share)

    def _do(self, job: dict[str, Any], log: Path) -> str:
        output = _opened(log)
        command = [sys.executable, "-m", "sjft_tf.scripts.compare_run", *(["--raw_csv"] if writes_raw() else [])]
        # The package is found where it was found here, also from another folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with output:
            begun = output.tell()
            with self._starting:
                if self._stopped:
                    raise self._ended()
                child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, text=True
                )
                self._children.add(child)
            if self._stopped:  # meanwhile
                child.terminate()
            assert child.stdin is not None
            try:
                try:
                    child.stdin.write(json.dumps(job) + "\n")
                    child.stdin.flush()
                except BrokenPipeError:
                    pass  # it ended before it read: its status and log say why
                status = child.wait()
            finally:
                self._children.discard(child)
                child.kill()
                child.wait()
                child.stdin.close()
        if self._stopped:
            raise self._ended()
        return "" if status == 0 else reason(log, begun, status)

    def stop(self) -> None:
        """Asks all jobs to write a checkpoint and end; from now on a job raises `Stopped`."""
        self._stopped = True
        for child in list(self._children):
            child.terminate()

    @contextlib.contextmanager
    def stoppable(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop the jobs, and this process when they are done. In the main thread only.

        A second Ctrl-C ends everything at once.
        """

        def ended(number: int, _: object) -> None:
            if self._stopped and number == signal.SIGINT:
                for child in list(self._children):
                    child.kill()
                raise KeyboardInterrupt
            busy = bool(self._children)
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

    def _ended(self) -> Stopped:
        return Stopped(STOPPED.format(SIGNALS[self._signal]), self._signal)


def reason(log: Path, begun: int, status: int) -> str:
    """What a failed process said last: its `error:` line, else the last line of its output."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        stream.seek(begun)
        lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    return f"{said.removeprefix('error: ') or 'no message'} (status {status}; all of its output: {log})"
