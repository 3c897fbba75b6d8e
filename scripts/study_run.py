"""Runs of a study, one after the other: programs like scripts/compare.py start it, nobody else needs to.

A job comes as a line of JSON on standard input, which stays open as long as the study lives: when it closes, the
study is gone, and the run ends too. A job that is done is answered; one that fails ends the process.
"""

import json
import os
import queue
import sys
import threading

from absl import flags
from sjft_tf.scripts import program


def define() -> None:
    flags.DEFINE_integer("answers", -1, "file descriptor for the answers")


def main(_: list[str]) -> None:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    first = lines.get()
    if not first:
        sys.exit("error: this program is started by scripts/compare.py and other studies")
    from sjft_tf.pipeline.studying.job_types import job_from_json

    job = job_from_json(json.loads(first)["job"])
    if job.cores:
        os.sched_setaffinity(0, job.cores)  # before TensorFlow counts them
    from sjft_tf.pipeline.studying.jobs import forget, work
    from sjft_tf.pipeline.studying.worker import DONE
    from sjft_tf.training import set_seeds

    training, cpus = job.config.training, job.config.distribution.logical_cpus
    program.start_tensorflow(training.seed, training.deterministic, logical_cpus=cpus)
    while True:
        work(job)
        forget()
        sys.stdout.flush()
        os.write(program.FLAGS.answers, DONE)
        told = json.loads(lines.get())
        job = job_from_json(told["job"])
        _print_to(told["log"])
        set_seeds(job.config.training.seed, job.config.training.deterministic)


def _listen(lines: "queue.SimpleQueue[str]") -> None:
    """Passes the lines of standard input on, at its beginning also its end; later that ends the process."""
    line = sys.stdin.readline()
    lines.put(line)
    while line:
        line = sys.stdin.readline()
        if line:
            lines.put(line)
        else:
            os._exit(1)


def _print_to(log: str) -> None:
    """Has everything printed to another log from now on, also by TensorFlow's own code."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def run() -> None:
    program.start(main, define)


if __name__ == "__main__":
    run()
