"""What all work by workers has in common: images as a worker opens them, results that come back in files."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.artifacts import Stamp, atomic_write, fingerprint, remove_directory
from sjft_tf.config import RunConfig
from sjft_tf.engine import ShardFiles, Work, divided
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, changed_file, open_source, visible_name
from sjft_tf.pipeline.sharding import workers
from sjft_tf.run_sets import NO_IMAGES, target_specs
from sjft_tf.schema import Schema
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

ALL_SEE = "The folder of images, the weight files and --workdir must lie on a file system that all workers see."


OTHER_ARITHMETIC = (
    "its arithmetic rounds otherwise than the launcher's, so that the result would depend on who found what. "
    "Processors with other instruction sets do; take machines of one kind, the launcher's too"
)
"""Why a worker is left out whose probe is not the launcher's."""


class ShardJob:
    """The launcher's side of a work: shards of images go to workers, results come back in files.

    Args:
        config: with --engine=dask.
        images: that are worked at.
        folder: of this work; what workers need besides goes there too.
        made_from: what results depend on.
        wanted: the arrays of a result, with "rows" among them.
    """

    def __init__(self, config: RunConfig, images: ImageSet, folder: Path, made_from: Stamp, wanted: Schema) -> None:
        self._config, self._images, self.folder = config, images, folder
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
        shards = divided(rows, self._config.engine.shard_images)
        bar, named = progress.bar(len(rows), "By workers"), self.named(work, shards, hint)
        with bar as shown, contextlib.closing(named) as done:
            for some, name in done:
                yield self.take(name)
                shown.update(len(some))

    def named(
        self, work: Work, shards: Sequence[np.ndarray], hint: Callable[[], np.ndarray | None] = lambda: None
    ) -> Generator[tuple[np.ndarray, str], None, None]:
        """Has shards done; yields the rows and the name of the result of each, as they come."""
        moved = 0

        def sent() -> np.ndarray | None:
            nonlocal moved
            given = hint()
            moved += 0 if given is None else given.nbytes
            return given

        with workers.dask_engine(self._config) as engine:
            for some, name in engine.each(work, shards, sent, self._called):
                moved += self._files.size(name)
                yield some, name
        log.info("%d shards done by workers, %.1f MB moved", len(shards), moved / 1e6)

    def waiting_for(self, rows: np.ndarray) -> tuple[dict[int, str], np.ndarray]:
        """What lies there already of results that are to be taken in the order of `rows` int32 [n], ascending.

        Returns:
            The names of results for whole stretches of `rows`, by the place where each begins; and the places int64
            that are left. Other results are removed.
        """
        found, left = {}, np.ones(len(rows), bool)
        for name, arrays in self._files.waiting():
            first = int(np.searchsorted(rows, arrays["rows"][0]))
            stretch = slice(first, first + len(arrays["rows"]))
            if np.array_equal(rows[stretch], arrays["rows"]) and left[stretch].all():
                found[first], left[stretch] = name, False
            else:
                self._files.remove(name)
        return found, np.flatnonzero(left)

    def take(self, name: str) -> dict[str, np.ndarray]:
        """A result by its name."""
        found = self._files.read(name)
        self._taken.append(name)
        return found

    def taken(self) -> None:
        """What was given so far is safe and need not be given again."""
        for name in self._taken:
            self._files.remove(name)
        self._taken.clear()

    def remove(self) -> None:
        """Nothing of this work is needed any more."""
        remove_directory(self.folder)
        with contextlib.suppress(OSError):  # of other works something lies there
            self.folder.parent.rmdir()

    def _called(self, rows: np.ndarray) -> str:
        first, last = self._images.ids[rows[0]], self._images.ids[rows[-1]]
        return f"{self._images.name}: {first}" + (f" to {last}" if first != last else "")


def share_gpus() -> None:
    """To be called in a worker before TensorFlow does anything: the first one would take all of a GPU's memory."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


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
class SharedImages:
    """Images of a run, as a worker opens them for itself.

    Attributes:
        config: how specs are read.
        specs: of the set they are in.
        folder: what the launcher's relative paths start from.
        scans: where the results of checking the files lie.
        ids: file with the ids of those that are used, in order; "" for all of the set.
        fingerprint: of the launcher's, see `_fingerprint`.
    """

    config: RunConfig
    specs: tuple[str, ...]
    folder: str
    scans: str
    ids: str
    fingerprint: str

    @classmethod
    def of(cls, config: RunConfig, images: ImageSet, workdir: Workdir, folder: Path) -> SharedImages:
        """What workers must know of images of the target's sets or of the source that are used in `workdir`.

        Their ids, if workers need them, go to `folder`.

        Raises:
            InputError: the specs lead to other images by now.
        """
        return cls._among(_specs(config), config, images, workdir, folder)

    @classmethod
    def of_source(cls, config: RunConfig, source: ImageSet, workdir: Workdir, folder: Path) -> SharedImages:
        """Likewise of the source, without a look at the target's sets."""
        return cls._among([tuple(config.data.source)], config, source, workdir, folder)

    @classmethod
    def _among(
        cls, sets: list[tuple[str, ...]], config: RunConfig, images: ImageSet, workdir: Workdir, folder: Path
    ) -> SharedImages:
        wanted, ids = _fingerprint(images), folder / "ids"
        for specs in sets:
            asked = cls(config, specs, str(Path.cwd()), str(workdir.scans.absolute()), "", wanted)
            whole = asked._whole()
            if _fingerprint(whole) == wanted:
                return asked
            if np.isin(images.identities, whole.identities).all():
                folder.mkdir(parents=True, exist_ok=True)
                with atomic_write(ids) as stream:
                    stream.write("\0".join(images.ids.tolist()).encode("utf-8", "surrogateescape"))
                return dataclasses.replace(asked, ids=str(ids.absolute()))
        raise InputError(f"The {len(images)} images of {images.name} are in none of the run's image sets any more")

    def open(self) -> ImageSet:
        """Opens them in a worker.

        Raises:
            InputError: they are not to be seen from there, or differ from the launcher's.
        """
        if not Path(self.folder).is_dir():
            raise InputError(
                f"The folder {self.folder}, in which the command was started, is not to be seen. {ALL_SEE}"
            )
        os.chdir(self.folder)
        share_gpus()
        images = self._opened()
        if (found := _fingerprint(images)) != self.fingerprint:
            raise InputError(
                f"The images of {', '.join(self.specs)} differ from the launcher's: {len(images)} images, {found} "
                f"here and {self.fingerprint} there. {ALL_SEE}"
            )
        return images

    def _whole(self) -> ImageSet:
        reading = self.config.data.reading()
        return open_source(self.specs, **reading, cache=Path(self.scans), tell=lambda line: None)

    def _opened(self) -> ImageSet:
        images = self._whole()
        if not self.ids:
            return images
        row_of = {name: row for row, name in enumerate(images.ids.tolist())}
        names = Path(self.ids).read_bytes().decode("utf-8", "surrogateescape").split("\0")
        if missing := [name for name in names if name not in row_of]:
            some = visible_name(missing[0])
            raise InputError(f"{len(missing)} images are not to be seen, such as {some}. {ALL_SEE}")
        return images.subset([row_of[name] for name in names])


def _specs(config: RunConfig) -> list[tuple[str, ...]]:
    """Of every set that a run opens, the target's first."""
    of_target = [(spec,) for spec in target_specs(config).values() if spec not in ("", NO_IMAGES)]
    return list(dict.fromkeys([*of_target, *([tuple(config.data.source)] if config.data.source else [])]))


def _fingerprint(images: ImageSet) -> str:
    """A digest of pictures and their order, whatever their labels: for those a worker is not asked."""
    contents = images.contents
    return fingerprint(images.ids, images.digests, [list(contents.value_range or ()), contents.aspect_ratio])
