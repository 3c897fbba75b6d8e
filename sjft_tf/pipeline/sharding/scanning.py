"""Image files checked by workers when sets are opened: each looks at a shard of the paths."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sjft_tf import progress, run_sets
from sjft_tf.artifacts import atomic_write, fingerprint, remove_directory
from sjft_tf.config import RunConfig
from sjft_tf.engine import ShardFiles, divided
from sjft_tf.errors import InputError
from sjft_tf.images import (
    JUDGMENT,
    SCAN_ARRAYS,
    ScanResult,
    ValueRange,
    inspect_files,
    scan_arrays,
    scan_results,
    visible_name,
)
from sjft_tf.pipeline.sharding import shared, workers
from sjft_tf.retrieval import probed_rows
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_FOUND = Schema({"rows": Array("int32", ("files",), low=0), **SCAN_ARRAYS}, {"kind": str, "made_from": str})
_PATHS = "paths"
_UNREAD = bytes(32)  # in place of the digest of a file that could not be read


def open_sets(config: RunConfig, workdir: Workdir, tell: Callable[[str], object] = run_sets.log.info) -> Sets:
    """As `run_sets.open_sets`; files are checked by workers where the run has some."""
    if config.engine.engine != "dask":
        return run_sets.open_sets(config, workdir, tell)
    scanner = DaskScanner(config, workdir)
    sets = run_sets.open_sets(config, workdir, tell, scanner)
    scanner.remove()
    return sets


@dataclass(frozen=True)
class ScanWork:
    """A look at shards of a list of files, see `engine.Work`.

    Attributes:
        folder: where the list and the results lie.
        paths: digest of the list.
        max_pixels, given: see `FileScan`.
        made_from: digest of the files and of how they are judged.
        probe: what the launcher has of `_probed`.
    """

    folder: str
    paths: str
    max_pixels: int
    given: ValueRange | None
    made_from: str
    probe: str

    def open(self) -> Callable[[np.ndarray, object], str]:
        """Takes rows int32 [n], gives the name of the file with what was seen."""
        folder = Path(self.folder)
        path = folder / _PATHS
        if not path.is_file() or fingerprint(listed := path.read_bytes()) != self.paths:
            raise InputError(f"{path} is not the launcher's: --workdir is another folder here. {shared.ALL_SEE}")
        paths = listed.decode("utf-8", "surrogateescape").split("\0")
        shared.share_gpus()
        some = [paths[row] for row in probed_rows(len(paths))]
        seen = list(inspect_files(some, self.max_pixels, self.given))
        if _probed(seen) != self.probe:
            for name, one in zip(some, seen, strict=True):
                if one.digest == _UNREAD:
                    raise InputError(f"{visible_name(name)} is not to be seen ({one.error}). {shared.ALL_SEE}")
            raise InputError("it sees other files, or decodes otherwise: take the same packages, the launcher's too")
        files = _files(folder, self.made_from)

        def look(rows: np.ndarray, _: object) -> str:
            seen = inspect_files([paths[row] for row in rows], self.max_pixels, self.given)
            return files.write({"rows": rows, **scan_arrays(list(seen))})

        return look


def _files(folder: Path, made_from: str) -> ShardFiles:
    return ShardFiles(folder / "results", {"scan": made_from}, _FOUND)


def _probed(seen: Sequence[ScanResult]) -> str:
    return fingerprint(*scan_arrays(seen).values())


class DaskScanner:
    """Has files checked by Dask's workers, see `images.Inspector`. Fewer files than a shard has are checked here.

    Args:
        config: with --engine=dask.
        workdir: results lie in it until `remove`.
    """

    def __init__(self, config: RunConfig, workdir: Workdir) -> None:
        self._config, self._folder = config, workdir.shards / "scan"

    def __call__(
        self, paths: Sequence[str], stats: Sequence[tuple[int, int]], max_pixels: int, given: ValueRange | None
    ) -> list[ScanResult] | None:
        """See `Inspector`."""
        size = self._config.engine.shard_images
        return self._by_workers(paths, stats, max_pixels, given) if len(paths) > size else None

    def remove(self) -> None:
        """The sets are open: what was found is in their cache."""
        remove_directory(self._folder)

    def _by_workers(
        self, paths: Sequence[str], stats: Sequence[tuple[int, int]], max_pixels: int, given: ValueRange | None
    ) -> list[ScanResult]:
        joined = "\0".join(paths).encode("utf-8", "surrogateescape")
        made_from = fingerprint(joined, np.array(stats, np.int64), [JUDGMENT, max_pixels, list(given or ())])
        folder = self._folder / made_from
        files = _files(folder, made_from)
        results: list[ScanResult | None] = [None] * len(paths)

        def take(arrays: dict[str, np.ndarray], unread: bool) -> None:
            for row, one in zip(arrays["rows"].tolist(), scan_results(arrays), strict=True):
                if unread or one.digest != _UNREAD:
                    results[row] = one

        for _, arrays in files.waiting():
            take(arrays, unread=False)  # perhaps it is to be seen by now
        left = np.array([row for row, one in enumerate(results) if one is None], np.int32)
        if len(left):
            with atomic_write(folder / _PATHS) as stream:
                stream.write(joined)
            probe = _probed(list(inspect_files([paths[row] for row in probed_rows(len(paths))], max_pixels, given)))
            work = ScanWork(str(folder.absolute()), fingerprint(joined), max_pixels, given, made_from, probe)
            shards = divided(left, self._config.engine.shard_images)
            with workers.dask_engine(self._config) as engine, progress.bar(len(left), "Checked by workers") as shown:
                for rows, name in engine.each(work, shards, lambda: None, lambda rows: _called(paths, rows)):
                    take(files.read(name), unread=True)
                    shown.update(len(rows))
            log.info("%d shards of files checked by workers", len(shards))
        return _read_here(paths, [one for one in results if one is not None], max_pixels, given)


def _read_here(
    paths: Sequence[str], results: Sequence[ScanResult], max_pixels: int, given: ValueRange | None
) -> list[ScanResult]:
    """The results, after a look at what a worker could not read: whether that is the file's fault."""
    unread = [row for row, one in enumerate(results) if one.digest == _UNREAD]
    again = dict(zip(unread, inspect_files([paths[row] for row in unread], max_pixels, given), strict=True))
    if seen := [row for row, one in again.items() if one.digest != _UNREAD]:
        raise InputError(
            f"{visible_name(paths[seen[0]])} can be read here, but not by a worker: {results[seen[0]].error} "
            f"({len(seen)} such file(s)). {shared.ALL_SEE}"
        )
    return [again.get(row, one) for row, one in enumerate(results)]


def _called(paths: Sequence[str], rows: np.ndarray) -> str:
    first, last = visible_name(paths[rows[0]]), visible_name(paths[rows[-1]])
    return f"files {first}" + (f" to {last}" if first != last else "")
