"""A study as a program does it: its folder locked, its runs in processes apart, stopped by signals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.pipeline.studying.runs import Launch
from sjft_tf.pipeline.studying.studied import Studied
from sjft_tf.study import Study
from sjft_tf.workdir import Workdir

Spec = TypeVar("Spec", contravariant=True)
Doing = TypeVar("Doing", covariant=True)


class Maker(Protocol[Spec, Doing]):
    """What does a study of some kind: `Studied`, `Comparison`."""

    def __call__(
        self,
        spec: Spec,
        workdir: Workdir,
        launch: Launch,
        at_once: int,
        stop: Callable[[], object],
        rest: Callable[[], object],
        /,
    ) -> Doing:
        """See `Studied`."""


@contextlib.contextmanager
def in_processes(kind: Maker[Spec, Doing], spec: Spec, workdir: Workdir, at_once: int = 1) -> Iterator[Doing]:
    """A study to run or to plan; SIGTERM and Ctrl-C let its runs write a checkpoint. In the main thread only.

    Args:
        kind: does it.
        spec: what is studied.
        workdir: of all its runs; locked inside.
        at_once: runs done at the same time.

    Raises:
        InputError: more at once than there are cores, a workdir in use, settings that do not fit.
    """
    launcher = Launcher(at_once)
    with workdir.locked(), launcher.stoppable():
        yield kind(spec, workdir, launcher, at_once, launcher.stop, launcher.close)


def studied(study: Study, workdir: Workdir, at_once: int = 1) -> contextlib.AbstractContextManager[Studied]:
    """A study of cells, see `in_processes`."""
    return in_processes(Studied, study, workdir, at_once)
