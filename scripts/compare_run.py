"""One run of a comparison, in a process of its own: scripts/compare.py starts it, nobody else needs to.

The job comes as a line of JSON on standard input, which stays open as long as the comparison lives: when it closes, the
comparison is gone, and the run ends too.
"""

import json
import os
import sys
import threading

from sjft_tf.scripts import program


def main(_: list[str]) -> None:
    line = sys.stdin.readline()
    if not line:
        sys.exit("error: this program is started by scripts/compare.py")
    from sjft_tf.pipeline.comparing.job_types import job_from_json

    job = job_from_json(json.loads(line))
    threading.Thread(target=_end_with_the_comparison, daemon=True).start()
    if job.cores:
        os.sched_setaffinity(0, job.cores)  # before TensorFlow counts them
    from sjft_tf.pipeline.comparing.jobs import work

    training, cpus = job.config.training, job.config.distribution.logical_cpus
    program.start_tensorflow(training.seed, training.deterministic, logical_cpus=cpus)
    work(job)


def _end_with_the_comparison() -> None:
    sys.stdin.read()
    os._exit(1)


def run() -> None:
    program.start(main, lambda: None)


if __name__ == "__main__":
    run()
