"""What a process of a study is told to do: it comes to it as a line of JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sjft_tf.config import RunConfig


@dataclass(frozen=True)
class Job:
    """What all jobs have.

    Attributes:
        config: settings of the run; of a look at image sets, of one of the runs that use them.
        shared: folder for scans, the audit and neighbor tables.
        command: the command line, for the record.
        cores: processor cores the process keeps to; none leaves it all.
        more: a like job follows, which its process may do too.
    """

    kind: ClassVar[str]

    config: RunConfig
    shared: str
    command: str
    cores: tuple[int, ...] = dataclasses.field(default=(), kw_only=True)
    more: bool = dataclasses.field(default=False, kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """For `job_from_json`, in another process."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {"kind": self.kind, **values, "config": self.config.to_json()}


@dataclass(frozen=True)
class LookJob(Job):
    """Opens all image sets and writes what a study must know of them.

    Attributes:
        folder: for the audit and lists of images that are left; the shared one where there is one choice of sets.
        output: the file.
        holdout_test: share for testing where no test images are.
        known: fingerprints of the sets a study was begun with; None for a new one.
    """

    kind: ClassVar[str] = "look"

    folder: str
    output: str
    holdout_test: float
    known: dict[str, str] | None


@dataclass(frozen=True)
class SurveyJob(Job):
    """Writes what a study must know before its cells are: the classes of the target and the source, the trunk's layers.

    Attributes:
        output: the file, of the form `SURVEY`.
    """

    kind: ClassVar[str] = "survey"

    output: str


SURVEY = {"target": [str], "source": [str], "layers": [str]}
"""Names of classes, and of the layers with kernels as `--freeze` counts them."""


@dataclass(frozen=True)
class TableJob(Job):
    """Makes a neighbor table, or weights of the source.

    Attributes:
        folder: where it lies.
        table: its name, that of the folder in the shared one.
    """

    kind: ClassVar[str] = "table"

    folder: str
    table: str


@dataclass(frozen=True)
class TrainJob(Job):
    """One run, as scripts/train.py makes it, but without a SavedModel.

    Attributes:
        folder: its workdir.
        table: name of the shared table it retrieves by; "" for none.
        stamp: what it is made from, for its result.
        trunk: its trunk is kept.
    """

    kind: ClassVar[str] = "train"

    folder: str
    table: str
    stamp: str
    trunk: bool = False


@dataclass(frozen=True)
class HeadJob(Job):
    """The convex head on the frozen trunk.

    Attributes:
        folder: its workdir.
        stamp: what it is made from, for its result.
        folds: without validation images its penalty is chosen by so many folds of the training images.
    """

    kind: ClassVar[str] = "head"

    folder: str
    stamp: str
    folds: int


@dataclass(frozen=True)
class LinearJob(HeadJob):
    """A linear SVM on the frozen trunk.

    Attributes:
        what: the run's kind, one of `study.FROZEN`.
    """

    kind: ClassVar[str] = "linear"

    what: str


_KINDS = (LookJob, SurveyJob, TableJob, TrainJob, HeadJob, LinearJob)
KINDS: dict[str, type[Job]] = {kind.kind: kind for kind in _KINDS}


def job_from_json(value: Mapping[str, Any]) -> Job:
    """The job that `to_json` made `value` of."""
    kind = KINDS[value["kind"]]
    values = {item.name: value[item.name] for item in dataclasses.fields(kind)}
    return kind(**{**values, "config": RunConfig.from_json(value["config"]), "cores": tuple(value["cores"])})
