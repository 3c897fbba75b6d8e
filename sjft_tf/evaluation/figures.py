"""What metrics.json holds, that of a run and that of a round: its keys stand here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.evaluation.set_figures import Metrics, SetFigures
from sjft_tf.schema import Array, Formed, Schema, mismatch

SCORED = ("validation", "test")
"""Image sets that a run is judged by, in the order they are told in."""
FUSION = "fusion of rounds"


@dataclass(frozen=True)
class ScoringFigures(Formed):
    """How the target's training images were scored at the end of a round.

    Attributes:
        train_top1: share of them that were recognized.
        wrong: how many were not.
        uncertain: how many were, but with a high entropy.
        mean_entropy: nats.
    """

    FORM: ClassVar[dict[str, Any]] = {"train_top1": float, "wrong": int, "uncertain": int, "mean_entropy": float}

    train_top1: float
    wrong: int
    uncertain: int
    mean_entropy: float


@dataclass(frozen=True)
class BorrowingFigures(Formed):
    """What a round drew source images from.

    Attributes:
        union_size: source images that some target image could be paired with.
        source_classes: their classes.
        mean_k, max_k: neighbors of a target image.
    """

    FORM: ClassVar[dict[str, Any]] = {"union_size": int, "source_classes": int, "mean_k": float, "max_k": int}

    union_size: int
    source_classes: int
    mean_k: float
    max_k: int


@dataclass(frozen=True)
class RoundFigures:
    """An entry of "rounds" in a run's metrics.json.

    Attributes:
        round: its number, from 1.
        global_step: training steps done at its end.
        training: what `fit` told: losses and accuracies of the training batches.
        borrowed: None where nothing was borrowed.
        scoring: None where the target was not scored.
        seconds: None where they were not measured.
        sets: headline figures by image set.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "round": int,
        "global_step": int,
        "borrowed?": BorrowingFigures.FORM,
        "scoring?": ScoringFigures.FORM,
        "seconds?": float,
        **{f"{name}?": SetFigures.FORM for name in SCORED},
    }

    round: int
    global_step: int
    training: dict[str, float] = field(default_factory=dict)
    borrowed: BorrowingFigures | None = None
    scoring: ScoringFigures | None = None
    seconds: float | None = None
    sets: dict[str, SetFigures] = field(default_factory=dict)

    @property
    def co_tuned(self) -> bool:
        """Whether the source head learned on target images, see --co_tuning."""
        return "co_tuning_loss" in self.training

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return {
            "round": self.round,
            "global_step": self.global_step,
            **self.training,
            **({} if self.borrowed is None else {"borrowed": asdict(self.borrowed)}),
            **({} if self.scoring is None else {"scoring": asdict(self.scoring)}),
            **({} if self.seconds is None else {"seconds": self.seconds}),
            **_sets_json(self.sets),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RoundFigures:
        """What `to_json` made; `value` is of the form `FORM`."""
        known = {name.removesuffix("?") for name in cls.FORM}
        return cls(
            round=value["round"],
            global_step=value["global_step"],
            training={name: number for name, number in value.items() if name not in known},
            borrowed=BorrowingFigures.from_json(value["borrowed"]) if "borrowed" in value else None,
            scoring=ScoringFigures.from_json(value["scoring"]) if "scoring" in value else None,
            seconds=value.get("seconds"),
            sets={name: SetFigures.from_json(value[name]) for name in SCORED if name in value},
        )


@dataclass(frozen=True)
class FinalFigures:
    """The "final" figures of a run.

    Attributes:
        sets: all figures, by image set.
        round: number of the round they are of, from 1: the last, or the best; None of a run without rounds.
        head_l2: the penalty of a head on a frozen trunk; None of a run with rounds.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "round?": int,
        "head_l2?": float,
        **{f"{name}?": Metrics.FORM for name in SCORED},
    }

    sets: dict[str, Metrics]
    round: int | None = None
    head_l2: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        numbers = {"round": self.round, "head_l2": self.head_l2}
        return {**{name: number for name, number in numbers.items() if number is not None}, **_sets_json(self.sets)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FinalFigures:
        """What `to_json` made; `value` is of the form `FORM`."""
        return cls(_metrics(value), value.get("round"), value.get("head_l2"))


@dataclass(frozen=True)
class ChosenSelector(Formed):
    """What --selector=auto took.

    Attributes:
        selector: "none" or "all".
        reason: in words, for one line.
    """

    FORM: ClassVar[dict[str, Any]] = {"selector": str, "reason": str}

    selector: str
    reason: str

    def __str__(self) -> str:
        return f"{self.selector}: {self.reason}"


@dataclass(frozen=True)
class EarlyStopping(Formed):
    """The settings by which a run could end early and its best round counts.

    Attributes:
        patience: rounds without a better one that end it.
        rounds: that it could have had.
    """

    FORM: ClassVar[dict[str, Any]] = {"patience": int, "rounds": int}

    patience: int
    rounds: int


@dataclass(frozen=True)
class RunFigures:
    """A run's metrics.json.

    Attributes:
        views: of an image that its predictions were averaged over, as `pipeline.inputs.views_stamp` says it.
        final: with the weights of the last round; with `early_stopping` of the best one on the validation images.
        fusion: of the mean prediction of all rounds, by image set; empty where there is one round.
        rounds: of each round.
        chosen: what --selector=auto took; None where the settings name a selector.
        co_tuned: whether Co-Tuning taught the source head, or was left out because the source's classes do not tell the
            target's; None where nobody asked for it.
        early_stopping: None where all rounds were to be trained, and the last one counts.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "views": str,
        "final": FinalFigures.FORM,
        FUSION: {f"{name}?": Metrics.FORM for name in SCORED},
        "rounds": [RoundFigures.FORM],
        "auto?": ChosenSelector.FORM,
        "co_tuning?": bool,
        "early_stopping?": EarlyStopping.FORM,
    }

    views: str
    final: FinalFigures
    fusion: dict[str, Metrics] = field(default_factory=dict)
    rounds: tuple[RoundFigures, ...] = ()
    chosen: ChosenSelector | None = None
    co_tuned: bool | None = None
    early_stopping: EarlyStopping | None = None

    @property
    def counting(self) -> RoundFigures:
        """The figures of the round that `final` is of."""
        return self.of_round(self.final.round or 0) or self.rounds[-1]

    def of_round(self, number: int) -> RoundFigures | None:
        """The figures of round `number`, from 1; None where it has none."""
        return next((figures for figures in self.rounds if figures.round == number), None)

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return {
            "views": self.views,
            "final": self.final.to_json(),
            FUSION: _sets_json(self.fusion),
            "rounds": [figures.to_json() for figures in self.rounds],
            **({} if self.chosen is None else {"auto": asdict(self.chosen)}),
            **({} if self.co_tuned is None else {"co_tuning": self.co_tuned}),
            **({} if self.early_stopping is None else {"early_stopping": asdict(self.early_stopping)}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunFigures:
        """What `to_json` made; `value` is of the form `FORM`."""
        rounds = tuple(RoundFigures.from_json(entry) for entry in value["rounds"])
        chosen = ChosenSelector.from_json(value["auto"]) if "auto" in value else None
        stopping = EarlyStopping.from_json(value["early_stopping"]) if "early_stopping" in value else None
        final, fusion = FinalFigures.from_json(value["final"]), _metrics(value[FUSION])
        return cls(value["views"], final, fusion, rounds, chosen, value.get("co_tuning"), stopping)


@dataclass(frozen=True)
class EvaluationStamp(Formed):
    """What the figures of a round were made from: fingerprint of the images, views, digest of the round's weights."""

    FORM: ClassVar[dict[str, Any]] = {"images": str, "views": str, "weights": str}

    images: str
    views: str
    weights: str

    def to_json(self) -> dict[str, str]:
        """As in the files."""
        return {"images": self.images, "views": self.views, "weights": self.weights}


PROBABILITIES = Schema(
    {"probabilities": Array("float", ("images", "classes"), low=0, high=1.001)}, {"made_from": EvaluationStamp.FORM}
)
"""A round's predictions for one image set."""


@dataclass(frozen=True)
class StampedMetrics:
    """The figures of a round on one image set, and what they were made from."""

    metrics: Metrics
    made_from: EvaluationStamp


@dataclass(frozen=True)
class RoundEvaluation:
    """A round's metrics.json: its figures by image set."""

    FORM: ClassVar[dict[str, Any]] = {"*": {**Metrics.FORM, "made_from": EvaluationStamp.FORM}}

    sets: dict[str, StampedMetrics]

    @property
    def metrics(self) -> dict[str, Metrics]:
        """By image set, without what they were made from."""
        return {name: stamped.metrics for name, stamped in self.sets.items()}

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        return {
            name: stamped.metrics.to_json() | {"made_from": stamped.made_from.to_json()}
            for name, stamped in self.sets.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RoundEvaluation:
        """What `to_json` made; `value` is of the form `FORM`."""
        return cls(
            {
                name: StampedMetrics(
                    Metrics.from_json(figures),
                    EvaluationStamp.from_json(figures["made_from"]),
                )
                for name, figures in value.items()
            }
        )


Kind = TypeVar("Kind", RunFigures, RoundEvaluation, RoundFigures)


def read_figures(kind: type[Kind], path: str | os.PathLike[str], remedy: str) -> Kind:
    """The figures in a file, e.g. `read_figures(RunFigures, "metrics.json", "Train again.")`.

    Args:
        kind: of figures.
        path: the file.
        remedy: what to do about a damaged file, for the message.

    Raises:
        InputError: it is missing or damaged.
    """
    return _parsed(kind, artifacts.read_json(path, kind.FORM, remedy), path, remedy)


def figures_of(kind: type[Kind], value: object, path: str | os.PathLike[str], remedy: str) -> Kind:
    """The figures in a part of the file `path`; arguments and errors as those of `read_figures`."""
    if (reason := mismatch(value, kind.FORM, "it")) is not None:
        raise InputError(f"{path} is damaged: {reason}. {remedy}")
    return _parsed(kind, value, path, remedy)


def _parsed(kind: type[Kind], value: Any, path: str | os.PathLike[str], remedy: str) -> Kind:
    try:
        return kind.from_json(value)
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}. {remedy}") from error


def _metrics(value: Mapping[str, Any]) -> dict[str, Metrics]:
    return {name: Metrics.from_json(value[name]) for name in SCORED if name in value}


def _sets_json(sets: Mapping[str, SetFigures]) -> dict[str, Any]:
    return {name: figures.to_json() for name, figures in sets.items()}
