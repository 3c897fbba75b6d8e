"""What all work by workers has in common: the source as a worker opens it, results that come back in files."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.artifacts import Stamp, remove_directory
from sjft_tf.config import RunConfig
from sjft_tf.engine import DaskEngine, ShardFiles, Work, divided
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, changed_file, open_source
from sjft_tf.schema import Schema
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_ALL_SEE = "The folder of images, the weight files and --workdir must lie on a file system that all workers see."


OTHER_ARITHMETIC = (
    "its arithmetic rounds otherwise than the launcher's, so that the result would depend on who found what. "
    "Processors with other instruction sets do; take machines of one kind, the launcher's too"
)
"""Why a worker is left out whose probe is not the launcher's."""


def dask_engine(config: RunConfig) -> DaskEngine:
    """The workers that --engine=dask asks for; they are started when the first shard is sent."""
    asked = config.engine
    return DaskEngine(asked.workers, asked.scheduler, asked.shard_seconds, asked.dashboard)


class ShardJob:
    """The launcher's side of a work: shards of the source go to workers, results come back in files.

    Args:
        config: with --engine=dask.
        source: whose images are worked at.
        folder: of this work; what workers need besides goes there too.
        made_from: what results depend on.
        wanted: the arrays of a result, with "rows" among them.
    """

    def __init__(self, config: RunConfig, source: ImageSet, folder: Path, made_from: Stamp, wanted: Schema) -> None:
        self._config, self._source, self.folder = config, source, folder
        self._files = self.files(folder, made_from, wanted)
        self._taken: list[str] = []

    @staticmethod
    def files(folder: Path, made_from: Stamp, wanted: Schema) -> ShardFiles:
        """The results, in a folder of their own."""
        return ShardFiles(folder / "results", made_from, wanted)

    def waiting(self) -> Iterator[dict[str, np.ndarray]]:
        """Results that a process which was broken off had not taken in."""
        for name, arrays in self._files.waiting():
            self._taken.append(name)
            yield arrays

    def results(
        self, work: Work, rows: np.ndarray, hint: Callable[[], np.ndarray | None] = lambda: None
    ) -> Generator[dict[str, np.ndarray], None, None]:
        """The results of shards that together are `rows` int32 [n], as they come."""
        shards, moved = divided(rows, self._config.engine.shard_images), 0

        def sent() -> np.ndarray | None:
            nonlocal moved
            given = hint()
            moved += 0 if given is None else given.nbytes
            return given

        with dask_engine(self._config) as engine, progress.bar(len(rows), "By workers") as shown:
            for some, name in engine.each(work, shards, sent, self._called):
                found = self._files.read(name)
                moved += self._files.size(name)
                self._taken.append(name)
                yield found
                shown.update(len(some))
        log.info("%d shards done by workers, %.1f MB moved", len(shards), moved / 1e6)

    def taken(self) -> None:
        """What was given so far is safe and need not be given again."""
        for name in self._taken:
            self._files.remove(name)
        self._taken.clear()

    def remove(self) -> None:
        """Nothing of this work is needed any more."""
        remove_directory(self.folder)

    def _called(self, rows: np.ndarray) -> str:
        first, last = self._source.ids[rows[0]], self._source.ids[rows[-1]]
        return f"{self._source.name}: {first}" + (f" to {last}" if first != last else "")


@contextlib.contextmanager
def naming_images() -> Iterator[None]:
    """Tells of an image that is gone or cannot be read which one it is."""
    try:
        yield
    except Exception as error:
        if (changed := changed_file(error)) is None:
            raise
        raise changed from error


@dataclass(frozen=True)
class SharedSource:
    """The source, as a worker opens it for itself.

    Attributes:
        config: how its specs are read.
        folder: what the launcher's relative paths start from.
        scans: where the results of checking the files lie.
        ids: file with the ids of the images that are used, a line each, in order; "" for all.
        fingerprint: of the launcher's.
    """

    config: RunConfig
    folder: str
    scans: str
    ids: str
    fingerprint: str

    @classmethod
    def of(cls, config: RunConfig, source: ImageSet, workdir: Workdir, folder: Path) -> SharedSource:
        """What workers must know of the source that is used in `workdir`; ids, if they need them, go to `folder`."""
        asked = cls(config, str(Path.cwd()), str(workdir.scans.absolute()), "", source.fingerprint)
        if asked._opened().fingerprint == source.fingerprint:
            return asked
        path = folder / "source.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in source.ids), encoding="utf-8")
        return cls(config, str(Path.cwd()), asked.scans, str(path.absolute()), source.fingerprint)

    def open(self) -> ImageSet:
        """Opens it in a worker.

        Raises:
            InputError: it is not to be seen from there, or differs from the launcher's.
        """
        if not Path(self.folder).is_dir():
            raise InputError(
                f"The folder {self.folder}, in which the command was started, is not to be seen. {_ALL_SEE}"
            )
        os.chdir(self.folder)
        for gpu in tf.config.list_physical_devices("GPU"):
            # Without this the first worker of a machine takes all of a GPU's memory.
            tf.config.experimental.set_memory_growth(gpu, True)
        images = self._opened()
        if images.fingerprint != self.fingerprint:
            raise InputError(
                f"The source images differ from the launcher's: {len(images)} images, {images.fingerprint} here and "
                f"{self.fingerprint} there. {_ALL_SEE}"
            )
        return images

    def _opened(self) -> ImageSet:
        data = self.config.data
        images = open_source(data.source, **data.reading(), cache=Path(self.scans), tell=lambda line: None)
        if not self.ids:
            return images
        row_of = {name: row for row, name in enumerate(images.ids.tolist())}
        names = Path(self.ids).read_text(encoding="utf-8").splitlines()
        if missing := [name for name in names if name not in row_of]:
            raise InputError(f"{len(missing)} source images are not to be seen, such as {missing[0]}. {_ALL_SEE}")
        return images.subset([row_of[name] for name in names])
