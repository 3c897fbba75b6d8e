"""Does borrowing help? A comparison whose runs are done in processes apart."""

from __future__ import annotations

from contextlib import AbstractContextManager

from sjft_tf.comparison import ComparisonSpec
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.studying.program import in_processes
from sjft_tf.workdir import Workdir


def comparison(spec: ComparisonSpec, workdir: Workdir, at_once: int = 1) -> AbstractContextManager[Comparison]:
    """A comparison to run or to plan; SIGTERM and Ctrl-C let its runs write a checkpoint. In the main thread only.

    Args:
        spec: what is compared.
        workdir: of all its runs; locked inside.
        at_once: runs done at the same time.

    Raises:
        InputError: more at once than there are cores, a workdir in use, settings that do not fit.
    """
    return in_processes(Comparison, spec, workdir, at_once)
