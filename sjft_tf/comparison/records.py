"""What comparison.json holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sjft_tf.comparison.arms import BASELINE, Arm
from sjft_tf.comparison.choice import Point
from sjft_tf.comparison.planning import ComparisonSpec
from sjft_tf.comparison.statistics import paired_summary
from sjft_tf.comparison.trials import Trial

METRIC = "mean_class_accuracy"
_PART = {METRIC: {"*": float}, "top1": {"*": float}, "loss?": {"*": float}}
RESULT_FORM = {"made_from": str, "seconds": (float, None), "final": _PART, "fusion": {"*": {"*": float}, METRIC: dict}}
"""Form of a run's result.json."""
SETS_FORM = {
    **{"validation": bool, "holdout": float, "smallest": int, "smallest_name": str, "images": {"*": int}},
    **{"fingerprints": {"*": str}, "source_rows": str, "warnings": [str]},
}
"""Form of sets.json, what opening the image sets told: `planning.SetsSummary`."""


@dataclass
class ArmRecord:
    """What an arm has so far: its chosen point, and its trials and runs as in comparison.json."""

    arm: Arm
    chosen: Point | None = None
    trials: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)


def trial_record(trial: Trial, result: dict[str, Any] | None) -> dict[str, Any]:
    """An entry of "trials"; `result` is the run's result.json, None for one that failed."""
    final = result["final"] if result else {}
    return {
        **_point(trial.point),
        "seed": trial.seed,
        "fold": trial.fold[0] if trial.fold else None,
        "validation": final.get(METRIC, {}).get("validation"),
        "validation_loss": final.get("loss", {}).get("validation"),
        "seconds": result["seconds"] if result else None,
        "workdir": str(trial.folder),
    }


def run_record(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
    """An entry of "runs"; `result` is the run's result.json."""
    final = result["final"]
    return {
        "seed": trial.seed,
        **_point(trial.point),
        "validation": final[METRIC].get("validation"),
        "test": final[METRIC].get("test"),
        "top1": final["top1"].get("test"),
        "seconds": result["seconds"],
        "workdir": str(trial.folder),
    }


def comparison_json(asked: ComparisonSpec, records: list[ArmRecord]) -> dict[str, Any]:
    """The whole file."""
    base = asked.base
    plain = next((_tests(record) for record in records if record.arm.name == BASELINE), {})
    settings = {name: value for section in base.to_json().values() for name, value in section.items()}
    arms = []
    for record in records:
        seconds = [run["seconds"] for run in record.runs if run["seconds"] is not None]
        arms.append(
            {
                "name": record.arm.name,
                "title": record.arm.title,
                "description": record.arm.description,
                "chosen": _point(record.chosen),
                "trials": record.trials,
                "runs": record.runs,
                "summary": paired_summary(_tests(record), plain, seconds),
            }
        )
    return {
        "target": base.data.target,
        "source": list(base.data.source),
        "seeds": list(asked.seeds),
        "metric": METRIC,
        "baseline": BASELINE,
        "command": asked.command,
        "per_class": base.data.per_class,
        "settings": settings,
        "arms": arms,
    }


def _tests(record: ArmRecord) -> dict[int, float]:
    return {run["seed"]: run["test"] for run in record.runs if run["test"] is not None}


def _point(point: Point | None) -> dict[str, float | None]:
    return {
        "learning_rate": point.learning_rate if point else None,
        "source_weight": point.source_weight if point else None,
    }
