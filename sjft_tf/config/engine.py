"""Who looks at many images, and does the runs of a study: this process, or workers on one machine or many."""

from __future__ import annotations

from dataclasses import dataclass

from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError


@dataclass(frozen=True)
class EngineConfig(Section):
    """Who looks at many images, and does the runs of a study; no result depends on it."""

    engine: str = option(
        "local", "local: this process; dask: workers, see docs/cluster.md", ("local", "dask"), free=True
    )
    workers: int = option(
        0, "engine=dask: workers to start on this machine; 0: one a core", limits=(0, 4096), free=True
    )
    scheduler: str = option(
        "",
        "engine=dask: address of a Dask scheduler that is running, or the file (.json) in which it wrote it",
        free=True,
    )
    shard_images: int = option(2000, "engine=dask: images that a worker is given at once", limits=(1, LARGE), free=True)
    shard_seconds: float = option(
        0.0,
        "engine=dask: a worker that needs longer for a shard is started again; 0: ten times as long as the slowest so "
        "far, and at least ten minutes. For the runs of a study 0 is no limit",
        limits=(0.0, 1e7),
        free=True,
    )
    dashboard: bool = option(False, "engine=dask: start Dask's page about the workers, and tell its address", free=True)

    def check(self) -> None:
        if self.engine != "dask":
            for name in ("workers", "scheduler", "dashboard"):
                if value := getattr(self, name):
                    raise InputError(
                        f"--{name} needs --engine=dask. Received: --{name}={value}, --engine={self.engine}"
                    )
        if self.workers and self.scheduler:
            raise InputError(
                f"--workers={self.workers} are started here, --scheduler={self.scheduler} has its own: give one"
            )
