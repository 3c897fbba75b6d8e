"""What changed inside the trunks of a study: its charts, from the drift.json of its runs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.bounds import MOST
from sjft_tf.report.line_chart import Point, line_chart
from sjft_tf.study import StudyRecord, t_interval
from sjft_tf.workdir import Workdir

if TYPE_CHECKING:
    from sjft_tf.drift import StageDrift

_MOST = 16  # lines that can be told apart


class DriftCharts(NamedTuple):
    """By stage of the trunk, a line for each cell: relative distance of the weights, linear CKA of the features."""

    weights: Markup
    features: Markup


def drift_charts(record: StudyRecord, root: Path) -> DriftCharts | None:
    """The charts; None where nothing was measured. A file that is damaged is left out.

    Args:
        record: the study.
        root: its workdir.
    """
    files = [(cell.title, Workdir(root / run.workdir).drift) for cell in record.cells for run in cell.runs]
    by_cell = _read([(title, path) for title, path in files if os.path.lexists(path)])
    if not by_cell:
        return None
    shown = dict(list(by_cell.items())[:_MOST])
    return DriftCharts(
        _chart("drift-weights", shown, "weight_distance", "relative distance of the weights", MOST),
        _chart("drift-features", shown, "feature_cka", "linear CKA of the features", 1.0),
    )


def _read(files: list[tuple[str, Path]]) -> dict[str, list[list[StageDrift]]]:
    by_cell: dict[str, list[list[StageDrift]]] = {}
    if not files:
        return by_cell
    # Late: with it comes TensorFlow, which most studies have no use for here.
    from sjft_tf.drift import DRIFT_FORM, StageDrift

    for title, path in files:
        with contextlib.suppress(InputError, OSError):
            found = artifacts.read_json(path, DRIFT_FORM)
            by_cell.setdefault(title, []).append([StageDrift.from_json(one) for one in found["stages"]])
    return by_cell


def _chart(name: str, by_cell: dict[str, list[list[StageDrift]]], figure: str, y: str, most: float) -> Markup:
    series = {}
    for title, runs in by_cell.items():
        stages: dict[str, list[float]] = {}
        for run in runs:
            for stage in run:
                if (value := getattr(stage, figure)) is not None:
                    stages.setdefault(stage.name, []).append(value)
        series[title] = [Point(stage, *_within(values, most)) for stage, values in stages.items()]
    return line_chart(name, series, "stage of the trunk, by its last layer", y)


def _within(values: list[float], most: float) -> tuple[float, float | None, float | None]:
    """Mean and interval; no end of it is where no figure can be."""
    interval = t_interval(values)
    low, high = (None, None) if interval is None else (max(0.0, interval.low), min(most, interval.high))
    return sum(values) / len(values), low, high
