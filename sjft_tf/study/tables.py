"""The result of a study as Markdown and CSV."""

from __future__ import annotations

from pathlib import Path

from sjft_tf.artifacts import atomic_write
from sjft_tf.csv_files import Writer
from sjft_tf.study.cell import Value
from sjft_tf.study.records import CellRecord, StudyRecord
from sjft_tf.study.statistics import Interval
from sjft_tf.workdir import StudyFiles


def write_tables(root: Path, record: StudyRecord) -> None:
    """Writes study.md and study.csv into `root`."""
    with atomic_write(root / StudyFiles.MARKDOWN, "w") as stream:
        stream.write("\n".join(markdown(record)) + "\n")
    with atomic_write(root / StudyFiles.CSV, "w") as stream:
        Writer(stream).writerows(csv_lines(record))


def markdown(record: StudyRecord) -> list[str]:
    """The lines of study.md."""
    titles = {cell.name: cell.title for cell in record.cells}
    axes = [axis for axis in record.axes if any(axis.name in cell.axes for cell in record.cells)]
    head = ["", *(axis.title for axis in axes), "n", "Mean ± sd", "95 %, t", "Difference", "95 %, t", "Minutes a run"]
    compared = sorted({titles[cell.reference] for cell in record.cells if cell.reference})
    said = f" Differences are to {', '.join(compared)}, of the same seed." if compared else ""
    return [
        f"# {record.title}",
        "",
        *(f"**{note}**\n" for note in record.notes),
        *(f"**Failed: {name}: {error}**\n" for name, error in record.failed.items()),
        f"Mean class accuracy on the test images, in %; after ± the spread over seeds.{said}",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(
            f"| {' | '.join([cell.title, *(_value(cell.axes.get(axis.name)) for axis in axes), *_figures(cell)])} |"
            for cell in record.cells
        ),
    ]


def _figures(cell: CellRecord) -> list[str]:
    summary = cell.summary
    mean = "-" if summary.mean is None else f"{100 * summary.mean:.2f}"
    mean += "" if summary.sd is None else f" ± {100 * summary.sd:.2f}"
    difference = "-" if summary.difference is None else f"{100 * summary.difference:+.2f}"
    minutes = "-" if summary.seconds is None else f"{summary.seconds / 60:.1f}"
    return [str(summary.n), mean, _range(cell.interval, ""), difference, _range(cell.difference, "+"), minutes]


def _range(interval: Interval | None, sign: str) -> str:
    return "-" if interval is None else f"{100 * interval.low:{sign}.2f} to {100 * interval.high:{sign}.2f}"


def _value(value: Value | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:g}"


def csv_lines(record: StudyRecord) -> list[list[str | float]]:
    """study.csv: a line a cell, accuracies as fractions; `low` and `high` by bootstrap, the others by Student's t."""
    axes = [axis.name for axis in record.axes]
    head = ["cell", *axes, "n", "mean", "sd", "mean_low", "mean_high", "reference", "difference", "low", "high"]
    lines: list[list[str | float]] = [[*head, "t_low", "t_high", "seconds"]]
    for cell in record.cells:
        one = cell.summary
        figures = [one.n, one.mean, one.sd, *(cell.interval or (None, None)), cell.reference, one.difference]
        figures += [one.low, one.high, *(cell.difference or (None, None)), one.seconds]
        cells = [cell.name, *(cell.axes.get(axis) for axis in axes), *figures]
        lines.append(["" if value is None else value for value in cells])
    return lines
