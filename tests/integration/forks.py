"""Programs started without seconds of imports: forks of a process that has imported TensorFlow and done nothing.

A fork has its own flags, devices, seeds, signals and end, as any process. Only the imports and the seed of `hash` are
not its own: what could hang on that seed is compared with a process that is no fork. Run as a script this is that first
process: it reads a job as a line of JSON, and writes the fork's number and later its status.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO


class Fork:
    """One started program, with as much of `subprocess.Popen` as the tests need."""

    def __init__(self, server: IO[bytes], answers: IO[bytes], job: dict) -> None:
        server.write(json.dumps(job).encode() + b"\n")
        self._answers, self._status = answers, None
        self.seconds = 0.0  # of the processor, once it has ended
        self.pid = int(answers.readline())

    def wait(self, timeout: float | None = None) -> int:
        """The status as `subprocess` gives it: negative for a signal."""
        if self._status is None:
            if timeout is not None and not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("fork", timeout)
            status, seconds = self._answers.readline().split()
            self._status, self.seconds = int(status), float(seconds)
        return self._status

    def works(self, seconds: float) -> bool:
        """Waits for so many seconds of the processor, however busy the machine is; whether the program is still on."""
        ticks = os.sysconf("SC_CLK_TCK")
        while self._status is None:
            try:
                self.wait(0.02)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended just now
                    fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
                    if (int(fields[11]) + int(fields[12])) / ticks >= seconds:
                        return True
        return False

    def send_signal(self, number: int) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Forks:
    """The process that forks; one program runs at a time."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, str(Path(__file__))]
        # Unbuffered, or a status could wait where `select` does not see it.
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def start(self, arguments: list[str], output: Path, errors: Path | None = None, cwd: Path | None = None) -> Fork:
        """Starts `python ARGUMENTS`, which begin with `-m MODULE` or `-c CODE`; output is added to the file(s)."""
        job = {"arguments": arguments, "output": str(output), "errors": str(errors or output), "cwd": str(cwd or ".")}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return Fork(self._process.stdin, self._process.stdout, job)

    def close(self) -> None:
        self._process.communicate()


def serve() -> dict | None:
    """The job, in a fork; None at the end of all jobs, in the first process."""
    import gc

    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    # Nothing more: devices and thread pools cannot be forked, and each program sets up its own.
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            return json.loads(line)
        print(pid, flush=True)
        _, status, used = os.wait4(pid, 0)
        print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, flush=True)
    return None


def become(job: dict) -> None:
    """Goes on as the program: an exception or `sys.exit` ends this process as it would end the program."""
    import runpy

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(job["cwd"])
    for number, path in ((0, os.devnull), (1, job["output"]), (2, job["errors"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    kind, what, *arguments = job["arguments"]
    sys.argv, sys.path[0] = [kind, *arguments], ""
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


if __name__ == "__main__":
    if (given := serve()) is not None:
        become(given)
