"""The leakage audit by workers: each looks for changed copies of target images among a shard's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import fingerprint, load_npz, save_npz
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import AUDIT_SETTINGS, ImageSet, Leak, Thumbnails, near_copies, refuse_changed
from sjft_tf.pipeline.sharding.shared import OTHER_ARITHMETIC, ShardJob, SharedImages, naming_images
from sjft_tf.retrieval import probed_rows
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

_LEAKS = {"source_row": "int32", "role": "int32", "target_row": "int32", "score": "float32"}
_FOUND = Schema(
    {"rows": Array("int32", ("images",), low=0)} | {name: Array(kind, ("leaks",)) for name, kind in _LEAKS.items()},
    {"kind": str, "made_from": str},
)
_PROTECTED = "protected.npz"


@dataclass(frozen=True)
class AuditWork:
    """The audit of shards of the source, see `engine.Work`.

    Attributes:
        source: the images.
        folder: where the target's thumbnails and the results lie.
        roles: of the target's sets, in order.
        made_from: digest of sets and settings.
        probe: what the launcher has of `_probed`.
    """

    source: SharedImages
    folder: str
    roles: tuple[str, ...]
    made_from: str
    probe: str

    def open(self) -> Callable[[np.ndarray, object], str]:
        """Takes rows int32 [n], gives the name of the file with what was found."""
        source = self.source.open()
        wanted = {
            name: form
            for number in range(len(self.roles))
            for name, form in (
                (f"rows{number}", Array("int32", (f"images {number}",), low=0)),
                (f"pictures{number}", Array("float32", (f"images {number}", "side", "side"))),
            )
        }
        arrays = load_npz(Path(self.folder) / _PROTECTED, Schema(wanted, {"kind": str}))[0]
        protected = {
            role: Thumbnails(arrays[f"rows{number}"], arrays[f"pictures{number}"])
            for number, role in enumerate(self.roles)
        }
        files = ShardJob.files(Path(self.folder), {"audit": self.made_from}, _FOUND)
        if _probed(source, protected) != self.probe:
            raise InputError(OTHER_ARITHMETIC)

        def audit(rows: np.ndarray, _: object) -> str:
            with naming_images():
                leaks = [leak for _, found in near_copies(source, protected, rows) for leak in found]
            refuse_changed(source)
            numbers = {role: number for number, role in enumerate(self.roles)}
            columns = [leak._replace(role=numbers[leak.role])._asdict() for leak in leaks]  # type: ignore[arg-type]
            found = {name: np.array([leak[name] for leak in columns], kind) for name, kind in _LEAKS.items()}
            return files.write({"rows": rows, **found})

        return audit


def _probed(source: ImageSet, protected: Mapping[str, Thumbnails]) -> str:
    """A digest of how much like source images the target's are, whether they count as copies or not."""
    rows = probed_rows(len(source))
    anything = {role: Thumbnails(small.rows[:64], small.pictures[:64]) for role, small in protected.items()}
    found = [leak for _, leaks in near_copies(source, anything, rows, candidate=-1.0, same=-1.0) for leak in leaks]
    return fingerprint([list(leak) for leak in found])


def auditor(config: RunConfig, source: ImageSet, workdir: Workdir) -> DaskAuditor | None:
    """Who audits the source in place of this process; None for nobody."""
    return DaskAuditor(config, source, workdir) if config.engine.engine == "dask" else None


class DaskAuditor:
    """Has the source audited by Dask's workers, see `images.LeakSearcher`.

    Args:
        config: with --engine=dask.
        source: the images to borrow from.
        workdir: results lie in it until the audit is there.
    """

    def __init__(self, config: RunConfig, source: ImageSet, workdir: Workdir) -> None:
        self._config, self._source, self._workdir = config, source, workdir

    def __call__(self, protected: Mapping[str, Thumbnails], size: int) -> Iterator[tuple[int, list[Leak]]]:
        """See `LeakSearcher`."""
        arrays = {
            f"{what}{number}": getattr(small, what)
            for number, small in enumerate(protected.values())
            for what in ("rows", "pictures")
        }
        made_from = fingerprint(
            *(self._source.fingerprint, list(protected), AUDIT_SETTINGS), *(arrays[name] for name in sorted(arrays))
        )
        job = ShardJob(self._config, self._source, self._workdir.shards / "audit", {"audit": made_from}, _FOUND)
        left = np.ones(size, bool)
        for found in job.waiting():
            if (fresh := found["rows"][left[found["rows"]]]).size == len(found["rows"]):
                left[fresh] = False
                yield len(fresh), _leaks(found, tuple(protected))
        if left.any():
            save_npz(job.folder / _PROTECTED, arrays, {"kind": "thumbnails of the target"})
            work = AuditWork(
                SharedImages.of_source(self._config, self._source, self._workdir, job.folder),
                str(job.folder.absolute()),
                tuple(protected),
                made_from,
                _probed(self._source, protected),
            )
            for found in job.results(work, np.flatnonzero(left).astype(np.int32)):
                yield len(found["rows"]), _leaks(found, tuple(protected))
        job.remove()


def _leaks(found: Mapping[str, np.ndarray], roles: tuple[str, ...]) -> list[Leak]:
    columns = (found[name].tolist() for name in _LEAKS)
    return [Leak(row, roles[role], target, "near", score) for row, role, target, score in zip(*columns, strict=True)]
