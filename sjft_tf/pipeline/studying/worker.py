"""A process that does jobs of a study one after the other: TensorFlow is started once for all of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from sjft_tf.csv_files import writes_raw
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
    """

    def __init__(self, log: IO[str]) -> None:
        answers, theirs = os.pipe()
        raw = ["--raw_csv"] if writes_raw() else []
        command = [sys.executable, "-m", "sjft_tf.scripts.study_run", f"--answers={theirs}", *raw]
        # The package is found where it was found here, also from another folder.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, text=True, pass_fds=[theirs]
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
