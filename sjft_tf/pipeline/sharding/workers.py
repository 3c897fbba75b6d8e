"""The workers of a command: those of its first stage serve the others too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from sjft_tf.config import EngineConfig, RunConfig
from sjft_tf.engine import DaskEngine

_kept: ContextVar[tuple[contextlib.ExitStack, dict[EngineConfig, DaskEngine]] | None] = ContextVar("kept", default=None)


@contextlib.contextmanager
def keeping_workers() -> Iterator[None]:
    """Workers that are started inside serve all stages that follow, and end with the block; a decorator too.

    To start they need as long as for some thousand small images: TensorFlow comes up in each.

    Example:
        >>> with keeping_workers():
        ...     sets = open_sets(config, workdir)
        ...     table = neighbor_table(config, sets, workdir)
    """
    with contextlib.ExitStack() as ending:
        token = _kept.set((ending, {}))
        try:
            yield
        finally:
            _kept.reset(token)


@contextlib.contextmanager
def dask_engine(config: RunConfig) -> Iterator[DaskEngine]:
    """The workers that --engine=dask asks for; they are started when the first shard is sent."""
    if (kept := _kept.get()) is None:  # a stage alone
        with keeping_workers(), dask_engine(config) as engine:
            yield engine
        return
    asked, (ending, engines) = config.engine, kept
    if asked not in engines:
        engine = DaskEngine(asked.workers, asked.scheduler, asked.shard_seconds, asked.dashboard)
        engines[asked] = ending.enter_context(engine)
    yield engines[asked]
