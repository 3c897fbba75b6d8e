"""A study as a program does it: its folder locked, its runs in processes apart, stopped by signals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.studying.dask_launcher import DaskLauncher
from sjft_tf.pipeline.studying.launcher import Launcher
from sjft_tf.pipeline.studying.runs import Launch
from sjft_tf.pipeline.studying.studied import Studied
from sjft_tf.study import Study
from sjft_tf.workdir import Workdir


class WithBase(Protocol):
    """What is studied."""

    @property
    def base(self) -> RunConfig:
        """The settings of all its runs."""


Spec = TypeVar("Spec", contravariant=True, bound=WithBase)
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


def launcher_for(base: RunConfig, root: Path, at_once: int = 1) -> Launcher | DaskLauncher:
    """What does the jobs of a study: processes of this machine, or with --engine=dask the workers of a cluster.

    Args:
        base: the settings of all its runs.
        root: its workdir.
        at_once: jobs done at the same time.

    Raises:
        InputError: more at once than there are cores, or any number with --engine=dask.
    """
    if base.engine.engine == "local":
        return Launcher(at_once)
    if at_once > 1:
        raise InputError(
            f"--at_once={at_once} is for --engine=local. With --engine=dask every worker does a run: leave it out, and "
            "give --workers, or start as many at the scheduler"
        )
    return DaskLauncher(base.engine, root)


@contextlib.contextmanager
def in_processes(kind: Maker[Spec, Doing], spec: Spec, workdir: Workdir, at_once: int = 1) -> Iterator[Doing]:
    """A study to run or to plan; SIGTERM and Ctrl-C let its runs write a checkpoint. In the main thread only.

    Args:
        kind: does it.
        spec: what is studied.
        workdir: of all its runs; locked inside.
        at_once: runs done at the same time; with --engine=dask as many as there are workers.

    Raises:
        InputError: more at once than there are cores, a workdir in use, settings that do not fit.
    """
    launcher = launcher_for(spec.base, workdir.root, at_once)
    with workdir.locked(), launcher.stoppable():
        yield kind(spec, workdir, launcher, launcher.at_once, launcher.stop, launcher.close)


def studied(study: Study, workdir: Workdir, at_once: int = 1) -> contextlib.AbstractContextManager[Studied]:
    """A study of cells, see `in_processes`."""
    return in_processes(Studied, study, workdir, at_once)
