"""What the templates of a run's page go through: tiles, lines of tables, and pictures with words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sjft_tf.evaluation import RoundFigures, SetFigures


@dataclass(frozen=True)
class Tile:
    """One of the figures one looks at first: its value, how it is written, what it is, and a note."""

    kind: Literal["share", "number", "seconds"]
    value: float | None
    what: str
    note: str


@dataclass(frozen=True)
class ChangedSetting:
    """A setting that is not at its default."""

    name: str
    value: object
    default: object


@dataclass(frozen=True)
class RoundRow:
    """A round: what it told, and the headline figures of the sets it was evaluated on, None of others."""

    told: RoundFigures
    validation: SetFigures | None
    test: SetFigures | None


@dataclass(frozen=True)
class Confusion:
    """A frequent mistake: `count` images of class `label`, which has `of`, were taken for class `predicted`."""

    label: str
    predicted: str
    count: int
    of: int


@dataclass(frozen=True)
class ClassRow:
    """A class by its recall; `taken_for` the class that `confused` of its images were taken for, "" for none.

    `roc_auc` and `average_precision` are None of older runs as well.
    """

    name: str
    recall: float
    images: int
    precision: float | None
    taken_for: str
    confused: int
    roc_auc: float | None = None
    average_precision: float | None = None


@dataclass(frozen=True)
class ClassGap:
    """So many classes are left out between two lines."""

    gap: int


@dataclass(frozen=True)
class LeakCount:
    """How often source images were found to show images of a role, by kind of likeness."""

    role: str
    kind: str
    count: int


@dataclass(frozen=True)
class Leaks:
    """What the audit found: how much, by role and kind, the first lines of leaks.csv, whether they were left out."""

    total: int
    counts: Sequence[LeakCount]
    lines: Sequence[dict[str, str]]
    excluded: bool


@dataclass(frozen=True)
class SourcePicture:
    """A source image; `uri` None is shown as words. `distance` to a target image, or `share` of all draws."""

    id: str
    class_name: str | None
    uri: str | None
    distance: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class TargetPicture:
    """A target image beside its nearest source images."""

    id: str
    label: str
    uri: str | None
    neighbors: Sequence[SourcePicture]


@dataclass(frozen=True)
class HardPicture(TargetPicture):
    """One that the model finds hard: what it takes it for, with which entropy in nats, and its K if it is known."""

    predicted: str
    wrong: bool
    entropy: float
    k: int | None


@dataclass(frozen=True)
class BorrowedPictures:
    """Target images of different classes, and the source images drawn most; how source images were selected."""

    lines: Sequence[TargetPicture]
    drawn: Sequence[SourcePicture]
    selector: str
