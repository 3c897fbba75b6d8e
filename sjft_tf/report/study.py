"""A study, as recorded: what study.json holds, checked, and what the page says of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sjft_tf import artifacts
from sjft_tf.report import schema
from sjft_tf.report.bounds import MOST
from sjft_tf.report.damage import core
from sjft_tf.report.line_chart import Point, line_chart
from sjft_tf.report.links import run_link
from sjft_tf.report.study_drift import drift_charts
from sjft_tf.report.svg import BASELINE, PALETTE
from sjft_tf.study import CellRecord, CellRun, Interval, StudyRecord
from sjft_tf.workdir import StudyFiles

_SHARES = ("validation", "test", "top1")


@dataclasses.dataclass(frozen=True)
class CellRow:
    """A line of the table: the cell, its values on the axes that are shown, its runs with their links."""

    cell: CellRecord
    values: tuple[str, ...]
    runs: tuple[tuple[CellRun, str | None], ...]


def read_study(root: Path) -> StudyRecord:
    """Reads study.json in `root`.

    Raises:
        InputError: it is damaged or of another shape.
    """

    def read(path: Path) -> StudyRecord:
        return _checked(StudyRecord.from_json(artifacts.read_json(path, StudyRecord.FORM)))

    return core(root / StudyFiles.RECORD, read)


def _checked(record: StudyRecord) -> StudyRecord:
    names = {cell.name for cell in record.cells}
    schema.need(0 < len(names) == len(record.cells), "cells of different names")
    schema.need(all(cell.reference in ("", *names) for cell in record.cells), "`reference` as the name of a cell")
    for cell in record.cells:
        what = f"cell {cell.name}"
        entries = [dataclasses.asdict(run) for run in cell.runs]
        for entry in entries:
            schema.numbers(entry, _SHARES, what, 0.0, 1.0 + 1e-9)
            schema.numbers(entry, ("seconds",), what)
        schema.numbers(vars(cell.summary), ("mean",), what, 0.0, 1.0 + 1e-9)
        for value in cell.axes.values():
            schema.need(isinstance(value, str) or abs(value) < MOST, f"a number that can be drawn for {what}")
    return record


def study_context(record: StudyRecord, root: Path, output: Path) -> dict[str, Any]:
    """Everything the template of a study asks for.

    Args:
        record: as read.
        root: the study's workdir.
        output: where the page will lie; links to runs are relative to it.
    """
    axes = [axis for axis in record.axes if any(axis.name in cell.axes for cell in record.cells)]
    titles = {cell.name: cell.title for cell in record.cells}
    return {
        "record": record,
        "axes": axes,
        "rows": [
            CellRow(
                cell,
                tuple(_text(cell.axes.get(axis.name, "")) for axis in axes),
                tuple((run, run_link(root, run.workdir, output)) for run in cell.runs),
            )
            for cell in record.cells
        ],
        "references": sorted({titles[cell.reference] for cell in record.cells if cell.reference}),
        "drift": drift_charts(record, root),
        "accuracy": _chart(record, "accuracy", "accuracy on the test images (%)", _accuracy, 0.0),
        "differences": _chart(record, "differences", "difference (percentage points)", _difference, -1.0),
    }


Figures = tuple[float | None, Interval | None]


def _accuracy(cell: CellRecord) -> Figures:
    return cell.summary.mean, cell.interval


def _difference(cell: CellRecord) -> Figures:
    return cell.summary.difference, cell.difference


def _chart(
    record: StudyRecord, name: str, y: str, figures: Callable[[CellRecord], Figures], least: float
) -> Markup | None:
    """Figures against the axis x, a line for each place on the others; None where nothing is to be drawn.

    One that others are compared with, and that is nowhere on x, is a level line.
    """
    x = next((axis for axis in record.axes if axis.name == record.x), None)
    levels = {cell.reference for cell in record.cells}
    known = [cell for cell in record.cells if figures(cell)[0] is not None]
    known = [cell for cell in known if x and (x.name in cell.axes or cell.name in levels)]
    places = list(dict.fromkeys(cell.axes[x.name] for cell in known if x.name in cell.axes)) if x else []
    if x is None or len(places) < 2:
        return None
    series: dict[str, list[Point]] = {}
    for cell in known:
        mean, interval = figures(cell)
        # No farther than what they are of can be: of two seeds an interval may hold everything.
        ends = (None, None) if interval is None else (100 * max(least, interval.low), 100 * min(1.0, interval.high))
        for place in [cell.axes[x.name]] if x.name in cell.axes else places:
            series.setdefault(_series(cell, x.name), []).append(Point(place, 100 * (mean or 0.0), *ends))
    return line_chart(name, series, x.title, y, log=x.log, colors=_colors(record, x.name))


def _series(cell: CellRecord, x: str) -> str:
    """What the line of a cell is called: where it stands on the other axes."""
    others = [_text(value) for axis, value in cell.axes.items() if axis != x]
    return (", ".join(others) or "mean") if x in cell.axes else cell.title


def _colors(record: StudyRecord, x: str) -> dict[str, str]:
    """A line has one color in all charts, what the others are compared with is gray."""
    lines = dict.fromkeys(_series(cell, x) for cell in record.cells if x in cell.axes)
    levels = {_series(cell, x): BASELINE for cell in record.cells if x not in cell.axes}
    return levels | {title: PALETTE[number % len(PALETTE)] for number, title in enumerate(lines)}


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
