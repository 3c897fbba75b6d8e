"""What a study writes down: study.json, every cell with its runs and their summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from sjft_tf.schema import Formed
from sjft_tf.study.cell import Axis, Cell, Value
from sjft_tf.study.results import METRIC, RunResult
from sjft_tf.study.statistics import Interval, Summary, differences, paired_summary, t_interval
from sjft_tf.study.study import Study

_NUMBER = (float, None)


@dataclass(frozen=True)
class CellRun(Formed):
    """An entry of "runs": what was reached; None for what there is not."""

    FORM: ClassVar[dict[str, Any]] = {
        **{"seed": int, "validation": _NUMBER, "test": _NUMBER, "top1": _NUMBER, "loss": _NUMBER},
        **{"seconds": _NUMBER, "workdir": str},
    }

    seed: int
    validation: float | None
    test: float | None
    top1: float | None
    loss: float | None
    seconds: float | None
    workdir: str

    @classmethod
    def of(cls, cell: Cell, seed: int, result: RunResult) -> CellRun:
        """That of a run with this result."""
        final = result.final
        accuracy = final.mean_class_accuracy
        return cls(
            seed=seed,
            validation=accuracy.get("validation"),
            test=accuracy.get("test"),
            top1=final.top1.get("test"),
            loss=final.loss.get("test"),
            seconds=result.seconds,
            workdir=str(cell.folder(seed)),
        )


@dataclass(frozen=True)
class CellRecord:
    """A cell as recorded.

    Attributes:
        name, title, description: of the cell.
        axes: where it stands.
        changes: its settings over the base.
        after: the cell whose trunk it starts from; "" for none.
        reference: the cell it is compared with; "" for none.
        runs: one a seed.
        summary: of the runs, against the reference.
        interval: of the mean, 95 %, Student's; None for fewer than two seeds.
        difference: likewise of the mean difference to the reference.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"name": str, "title": str, "description": str, "axes": {"*": (str, float)}, "changes": dict},
        **{"after": str, "reference": str, "runs": [CellRun.FORM], "summary": Summary.FORM},
        **{"interval": ([float], None), "difference": ([float], None)},
    }

    name: str
    title: str
    description: str
    axes: Mapping[str, Value]
    changes: Mapping[str, Any]
    after: str
    reference: str
    runs: tuple[CellRun, ...]
    summary: Summary
    interval: Interval | None
    difference: Interval | None

    @property
    def tests(self) -> dict[int, float]:
        """Accuracy on test images by seed."""
        return {run.seed: run.test for run in self.runs if run.test is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CellRecord:
        """What `asdict` made; `value` is of the form `FORM`."""
        intervals = {name: Interval(*value[name][:2]) if value[name] else None for name in ("interval", "difference")}
        runs = tuple(CellRun.from_json(run) for run in value["runs"])
        plain = {name: value[name] for name in cls.FORM}
        return cls(**{**plain, **intervals, "runs": runs, "summary": Summary.from_json(value["summary"])})


@dataclass(frozen=True)
class StudyRecord:
    """study.json.

    Attributes:
        study: its name.
        title: of its page.
        command: the command line.
        metric: the figure that cells are compared by.
        seeds: of the study.
        x: the axis that lies across the chart; "" for none.
        reference: the cell that others are compared with; "" for none.
        axes: in order.
        target, source: the sets of the base settings.
        facts: what else it was made with.
        notes: what must be said above its tables.
        settings: of the base, by name.
        cells: in order.
        failed: the message of each run that failed, by its folder.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"study": str, "title": str, "command": str, "metric": str, "seeds": [int], "x": str, "reference": str},
        **{"axes": [{"name": str, "title": str, "log": bool}], "target": str, "source": [str]},
        **{"facts": dict, "notes": [str], "settings": dict, "cells": [CellRecord.FORM], "failed": {"*": str}},
    }

    study: str
    title: str
    command: str
    seeds: tuple[int, ...]
    x: str
    reference: str
    axes: tuple[Axis, ...]
    target: str
    source: tuple[str, ...]
    cells: tuple[CellRecord, ...]
    metric: str = METRIC
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        study: Study,
        runs: Mapping[str, Mapping[int, RunResult]],
        notes: tuple[str, ...],
        failed: Mapping[str, str],
    ) -> StudyRecord:
        """That of a study.

        Args:
            study: what was asked for.
            runs: results by name of cell and seed.
            notes: what must be said beside the study's own.
            failed: the message of each run that failed.
        """
        entries = {
            cell.name: tuple(
                CellRun.of(cell, seed, runs[cell.name][seed])
                for seed in study.seeds_of(cell)
                if seed in runs.get(cell.name, {})
            )
            for cell in study.cells
        }
        base = study.base
        return cls(
            study.name,
            study.title,
            study.command,
            study.seeds,
            study.x,
            study.reference,
            study.axes,
            base.data.target,
            tuple(base.data.source),
            tuple(_record(study, cell, entries) for cell in study.cells),
            facts=dict(study.facts),
            notes=(*study.notes, *notes),
            settings={name: value for section in base.to_json().values() for name, value in section.items()},
            failed=dict(failed),
        )

    @property
    def by_name(self) -> dict[str, CellRecord]:
        """Its cells."""
        return {cell.name: cell for cell in self.cells}

    def to_json(self) -> dict[str, Any]:
        """As in the file."""
        content = asdict(self)
        return {name: content[name] for name in self.FORM}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StudyRecord:
        """What `to_json` made; `value` is of the form `FORM`."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v := value[name], list) else v for name in cls.FORM}
        plain["axes"] = tuple(Axis(**axis) for axis in value["axes"])
        plain["cells"] = tuple(map(CellRecord.from_json, value["cells"]))
        return cls(**plain)


def _record(study: Study, cell: Cell, entries: Mapping[str, tuple[CellRun, ...]]) -> CellRecord:
    reference = study.reference_of(cell)
    tests, others = (
        {run.seed: run.test for run in entries.get(name, ()) if run.test is not None} for name in (cell.name, reference)
    )
    seconds = [run.seconds for run in entries[cell.name] if run.seconds is not None]
    return CellRecord(
        cell.name,
        cell.title,
        cell.description,
        dict(cell.axes),
        dict(cell.changes),
        cell.after,
        reference,
        entries[cell.name],
        paired_summary(tests, others, seconds),
        t_interval(list(tests.values())),
        t_interval(differences(tests, others)),
    )
