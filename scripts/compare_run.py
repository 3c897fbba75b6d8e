"""One run of a comparison, in a process of its own: scripts/compare.py starts it, nobody else needs to.

The job comes as a line of JSON on standard input, which stays open as long as the comparison lives: when it closes, the
comparison is gone, and the run ends too.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from sjft_tf.scripts import program

from sjft_tf.errors import Stopped
from sjft_tf.training.config import RunConfig


def main(_: list[str]) -> None:
    line = sys.stdin.readline()
    if not line:
        sys.exit("error: this program is started by scripts/compare.py")
    job = json.loads(line)
    threading.Thread(target=_end_with_the_comparison, daemon=True).start()
    config = RunConfig.from_json(job["config"])
    from sjft_tf.pipeline.comparison_jobs import work

    training = config.training
    program.start_tensorflow(training.seed, training.deterministic, logical_cpus=config.distribution.logical_cpus)
    work(job)


def _end_with_the_comparison() -> None:
    sys.stdin.read()
    os._exit(1)


def launch(job: dict[str, Any], log: Path) -> str:
    """Does a job in a process of its own.

    Args:
        job: see `pipeline.comparison_jobs.work`.
        log: file that its output is added to.

    Returns:
        What went wrong, "" for nothing.

    Raises:
        Stopped: this process got SIGTERM; the run has written a checkpoint.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sjft_tf.scripts.compare_run"]
    # The package is found where it was found here, also from another folder.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    stopped = False
    with open(log, "a", encoding="utf-8") as output:
        begun = output.tell()
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, text=True
        )

        def forward(*_: object) -> None:
            nonlocal stopped
            stopped = True
            child.terminate()

        before = signal.signal(signal.SIGTERM, forward)
        try:
            assert child.stdin is not None
            try:
                child.stdin.write(json.dumps(job) + "\n")
                child.stdin.flush()
            except BrokenPipeError:
                pass  # it ended before it read: its status and log say why
            status = child.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
            child.kill()
            child.wait()
            child.stdin.close()
    if stopped:
        raise Stopped("Ended by SIGTERM. The same command goes on.")
    return "" if status == 0 else reason(log, begun, status)


def reason(log: Path, begun: int, status: int) -> str:
    """What a failed process said last: its `error:` line, else the last line of its output."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        stream.seek(begun)
        lines = [line.strip() for line in stream.read().splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("error: ")), lines[-1] if lines else "")
    return f"{said.removeprefix('error: ') or 'no message'} (status {status}; all of its output: {log})"


def run() -> None:
    program.start(main, lambda: None)


if __name__ == "__main__":
    run()
