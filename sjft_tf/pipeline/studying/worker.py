"""A process that does jobs of a study one after the other: TensorFlow is started once for all of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from sjft_tf.artifacts import refusal
from sjft_tf.csv_files import writes_raw
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.job_types import HeadJob, Job, TrainJob

JOBS = 12
"""Jobs of a process, so that what it may keep of each does not add up."""
DONE = b"done\n"
"""What a process answers when a job is done; one that fails ends instead."""


class Worker:
    """A process that `scripts/study_run.py` runs. A job comes as a line of JSON on its standard input.

    The input stays open as long as the study lives: when it closes, the process ends.

    Args:
        log: what the process prints during its first job.
        folder: what relative paths of its jobs start from; None for that of this process.
        environment: None for that of this process.
    """

    def __init__(self, log: IO[str], folder: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        answers, theirs = os.pipe()
        raw = ["--raw_csv"] if writes_raw() else []
        command = [sys.executable, "-m", "sjft_tf.scripts.study_run", f"--answers={theirs}", *raw]
        # The package is found where it was found here, also from another folder.
        found = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**(os.environ if environment is None else environment), **found},
                text=True,
                pass_fds=[theirs],
            )
        except BaseException:
            os.close(answers)
            raise
        finally:
            os.close(theirs)
        self._answers = os.fdopen(answers, "rb")
        self._done = 0

    def do(self, job: Job, log: Path, cores: Sequence[int]) -> int | None:
        """Does a job.

        Args:
            job: what is to be done.
            log: file that its output is added to.
            cores: the process keeps to from its first job on.

        Returns:
            None when it is done; the status of the process if it ended instead.
        """
        line = json.dumps({"log": str(log.absolute()), "job": replace(job, cores=tuple(cores)).to_json()})
        with contextlib.suppress(BrokenPipeError):  # it ended before it read: its status and log say why
            print(line, file=self._process.stdin, flush=True)
        if self._answers.readline() == DONE:
            self._done += 1
            return None
        return self._process.wait()

    @property
    def used(self) -> bool:
        """Whether it has done a job."""
        return self._done > 0

    def goes_on(self, job: Job) -> bool:
        """Whether it may do another one after `job`. What opens large sets leaves its memory to others."""
        one_device = job.config.distribution.strategy == "none"
        return (job.more or isinstance(job, TrainJob | HeadJob)) and one_device and self._done < JOBS

    def terminate(self) -> None:
        """Asks it to write a checkpoint and end."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def close(self) -> None:
        """Ends it, which waits for a job or has ended, and waits until it is gone."""
        with contextlib.suppress(BrokenPipeError), self._process:  # closes its input
            pass
        self._answers.close()


def _no_link(path: str, how: int) -> int:
    return os.open(path, how | os.O_NOFOLLOW, 0o644)


def opened(log: Path) -> IO[str]:
    """A log to be added to; its folder is made.

    Raises:
        InputError: it cannot be written.
    """
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


def reason(log: Path, begun: int, status: int) -> str:
    """What a failed process said last: its `error:` line, else the last line of its output."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        stream.seek(begun)
        lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    return f"{said.removeprefix('error: ') or 'no message'} (status {status}; all of its output: {log})"
