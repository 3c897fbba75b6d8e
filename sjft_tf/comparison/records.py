"""What a comparison writes down of its trials, its runs and its arms: comparison.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sjft_tf.comparison.arms import BASELINE, Arm
from sjft_tf.comparison.choice import Point
from sjft_tf.comparison.choice_record import ChoiceRecord
from sjft_tf.comparison.decision import Decision
from sjft_tf.comparison.planning import ComparisonSpec
from sjft_tf.comparison.trials import Trial
from sjft_tf.study import METRIC, ResultFigures, RunResult, Summary, paired_summary


@dataclass(frozen=True)
class TrialRecord:
    """An entry of "trials": settings, the fold that judges, and what was reached; None for what there is not."""

    learning_rate: float | None
    source_weight: float | None
    seed: int
    fold: int | None
    validation: float | None
    validation_loss: float | None
    seconds: float | None
    workdir: str

    @classmethod
    def of(cls, trial: Trial, result: RunResult | None) -> TrialRecord:
        """That of a run; `result` is None for one that failed."""
        return cls(
            **_point(trial.point),
            seed=trial.seed,
            fold=trial.fold[0] if trial.fold else None,
            validation=result.final.mean_class_accuracy.get("validation") if result else None,
            validation_loss=result.final.loss.get("validation") if result else None,
            seconds=result.seconds if result else None,
            workdir=str(trial.folder),
        )


@dataclass(frozen=True)
class RunRecord:
    """An entry of "runs": settings, and what was reached; None for what there is not."""

    seed: int
    learning_rate: float | None
    source_weight: float | None
    validation: float | None
    test: float | None
    top1: float | None
    seconds: float | None
    workdir: str

    @classmethod
    def of(cls, trial: Trial, figures: ResultFigures, seconds: float | None) -> RunRecord:
        """That of a run that reached `figures`; `seconds` None where nothing was trained for it."""
        return cls(
            seed=trial.seed,
            **_point(trial.point),
            validation=figures.mean_class_accuracy.get("validation"),
            test=figures.mean_class_accuracy.get("test"),
            top1=figures.top1.get("test"),
            seconds=seconds,
            workdir=str(trial.folder),
        )


@dataclass
class ArmRecord:
    """What an arm has so far: its chosen point, its trials and its runs, and how the point was chosen, if by trials."""

    arm: Arm
    chosen: Point | None = None
    trials: list[TrialRecord] = field(default_factory=list)
    runs: list[RunRecord] = field(default_factory=list)
    decision: Decision | None = None

    @property
    def tests(self) -> dict[int, float]:
        """Accuracy on test images by seed."""
        return {run.seed: run.test for run in self.runs if run.test is not None}

    def summary(self, baseline: Mapping[int, float]) -> Summary:
        """Against the baseline's accuracies by seed."""
        return paired_summary(self.tests, baseline, [run.seconds for run in self.runs if run.seconds is not None])


@dataclass(frozen=True)
class ComparisonRecord:
    """comparison.json: what was compared, and every arm with its summary against the baseline."""

    spec: ComparisonSpec
    arms: tuple[ArmRecord, ...]

    @property
    def baseline(self) -> dict[int, float]:
        """Accuracy of the baseline on test images by seed."""
        return next((record.tests for record in self.arms if record.arm.name == BASELINE), {})

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        base, plain = self.spec.base, self.baseline
        return {
            "target": base.data.target,
            "source": list(base.data.source),
            "seeds": list(self.spec.seeds),
            "metric": METRIC,
            "baseline": BASELINE,
            "command": self.spec.command,
            "per_class": base.data.per_class,
            "settings": {name: value for section in base.to_json().values() for name, value in section.items()},
            "arms": [
                {
                    "name": record.arm.name,
                    "title": record.arm.title,
                    "description": record.arm.description,
                    "chosen": _point(record.chosen),
                    "choice": ChoiceRecord.of(record.decision).to_json() if record.decision else None,
                    "trials": [asdict(trial) for trial in record.trials],
                    "runs": [asdict(run) for run in record.runs],
                    "summary": asdict(record.summary(plain)),
                }
                for record in self.arms
            ],
        }


def _point(point: Point | None) -> dict[str, float | None]:
    return {
        "learning_rate": point.learning_rate if point else None,
        "source_weight": point.source_weight if point else None,
    }
