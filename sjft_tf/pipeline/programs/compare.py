"""Does borrowing help? A comparison whose runs are done in processes apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sjft_tf.comparison import ComparisonSpec
from sjft_tf.pipeline.comparing.comparison import Comparison
from sjft_tf.pipeline.comparing.launcher import Launcher
from sjft_tf.workdir import Workdir


@contextlib.contextmanager
def comparison(spec: ComparisonSpec, workdir: Workdir, at_once: int = 1) -> Iterator[Comparison]:
    """A comparison to run or to plan; SIGTERM and Ctrl-C let its runs write a checkpoint. In the main thread only.

    Args:
        spec: what is compared.
        workdir: of all its runs; locked inside.
        at_once: runs done at the same time.

    Raises:
        InputError: more at once than there are cores, a workdir in use, settings that do not fit.
    """
    launcher = Launcher(at_once)
    with workdir.locked(), launcher.stoppable():
        yield Comparison(spec, workdir, launcher, at_once, launcher.stop, launcher.close)
