"""What the page says about a comparison: the values and charts of each section, ready for the template."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from sjft_tf import artifacts
from sjft_tf.comparison import CHOICE_RULE, ChoiceRecord, RunRecord, choice_sentence
from sjft_tf.report import comparison_charts, schema
from sjft_tf.report.comparison import RecordedArm, RecordedComparison
from sjft_tf.report.links import run_link
from sjft_tf.study import Summary
from sjft_tf.workdir import Workdir

METRICS = {"mean_class_accuracy": "mean class accuracy", "top1": "top-1 accuracy"}


@dataclasses.dataclass(frozen=True)
class RunRow:
    """A line of the table of runs: the run, the figure that counts (None: none), and where its folder is linked."""

    record: RunRecord
    value: float | None
    link: str | None


@dataclasses.dataclass(frozen=True)
class ArmRow:
    """A line of the table of arms, and its runs by seed; `half` of the 95 % interval of the mean, None for one seed."""

    arm: RecordedArm
    baseline: bool
    color: str
    half: float | None
    runs: tuple[RunRow, ...]


@dataclasses.dataclass(frozen=True)
class ChoiceRow:
    """How an arm's settings were chosen, and in a sentence."""

    arm: RecordedArm
    choice: ChoiceRecord
    sentence: str


def comparison_context(comparison: RecordedComparison, output: Path) -> dict[str, Any]:
    """Everything the template of a comparison asks for, apart from the representative run.

    Args:
        comparison: as read.
        output: where the page will lie; links to runs are relative to it.
    """
    tested = any(run.test is not None for arm in comparison.arms for run in arm.runs)
    judge = "test" if tested else "validation"
    colors = comparison_charts.arm_colors([arm.name for arm in comparison.arms], comparison.baseline)
    metric = METRICS.get(comparison.metric, comparison.metric.replace("_", " "))
    titles = {arm.name: arm.title for arm in comparison.arms}
    baseline = titles.get(comparison.baseline, comparison.baseline)
    rows = [_row(comparison, arm, judge, colors[arm.name], output) for arm in comparison.arms]
    return {
        "judge": judge,
        "metric": metric,
        "baseline": baseline,
        "rows": rows,
        "facts": comparison.facts,
        "settings": comparison.settings,
        "bars": comparison_charts.accuracy_bars([_bar(row) for row in rows], colors, judge, metric),
        "differences": _differences(comparison, rows, colors, baseline),
        "trials": _trials(comparison, colors),
        "choice_rule": CHOICE_RULE,
        "choices": [
            ChoiceRow(arm, arm.choice, choice_sentence(arm.choice)) for arm in comparison.arms if arm.choice is not None
        ],
        "curves": _curves(comparison, colors, judge),
    }


def _row(comparison: RecordedComparison, arm: RecordedArm, judge: str, color: str, output: Path) -> ArmRow:
    runs = tuple(
        RunRow(run, _accuracy(run, judge), run_link(comparison.root, run.workdir, output))
        for run in sorted(arm.runs, key=lambda run: run.seed)
    )
    return ArmRow(arm, arm.name == comparison.baseline, color, _half_interval(arm.summary), runs)


def _accuracy(run: RunRecord, judge: str) -> float | None:
    return run.test if judge == "test" else run.validation


def _half_interval(summary: Summary) -> float | None:
    """Half the 95 % interval of the mean by Student's t; None for a single run."""
    from scipy.stats import t

    n, sd = summary.n or 0, summary.sd
    return None if n < 2 or sd is None else float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _bar(row: ArmRow) -> comparison_charts.ArmBar:
    values = [100 * run.value for run in row.runs if run.value is not None]
    mean, half = _percent(row.arm.summary.mean), _percent(row.half)
    return comparison_charts.ArmBar(row.arm.name, row.arm.title, mean, half, values)


def _differences(
    comparison: RecordedComparison, rows: list[ArmRow], colors: dict[str, str], baseline: str
) -> Markup | None:
    """Arms beside the baseline; None where there is no pair."""
    values = {row.arm.name: {run.record.seed: run.value for run in row.runs} for row in rows}
    plain = {seed: value for seed, value in values.get(comparison.baseline, {}).items() if value is not None}
    seeds = [seed for seed in comparison.seeds if seed in plain]
    arms = []
    for row in rows:
        if row.baseline:
            continue
        own, summary = values[row.arm.name], row.arm.summary
        pairs = [None if (value := own.get(seed)) is None else 100 * (value - plain[seed]) for seed in seeds]
        difference, low, high = (_percent(share) for share in (summary.difference, summary.low, summary.high))
        arms.append(comparison_charts.ArmDifference(row.arm.name, row.arm.title, difference, low, high, pairs))
    if not arms or not seeds:
        return None
    return comparison_charts.paired_differences(arms, seeds, colors, baseline)


def _trials(comparison: RecordedComparison, colors: dict[str, str]) -> Markup | None:
    """None where nothing was chosen by trials."""
    arms = [
        comparison_charts.ArmTrials(arm.name, arm.title, lines, _ring(arm, lines))
        for arm in comparison.arms
        if (lines := _trial_lines(arm))
    ]
    return comparison_charts.trials(arms, colors) if arms else None


def _trial_lines(arm: RecordedArm) -> dict[str, list[tuple[float, float]]]:
    """Of each source weight, by rate, the mean accuracy of the trials in %."""
    lines: dict[str, dict[float, list[float]]] = {}
    for trial in arm.trials:
        if trial.validation is not None and trial.learning_rate:
            points = lines.setdefault(_weight(trial.source_weight), {})
            points.setdefault(float(trial.learning_rate), []).append(100 * trial.validation)
    return {
        weight: [(rate, float(np.mean(values))) for rate, values in sorted(points.items())]
        for weight, points in sorted(lines.items())
    }


def _ring(arm: RecordedArm, lines: dict[str, list[tuple[float, float]]]) -> tuple[float, float] | None:
    """The point that was chosen."""
    return next((point for point in lines.get(_weight(arm.weight), []) if point[0] == arm.rate), None)


def _weight(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _rounds(path: Path, judge: str, metric: str) -> list[float | None]:
    rounds = schema.run_figures(artifacts.read_json(path)).rounds
    entries = [figures.sets[judge].to_json() if judge in figures.sets else {} for figures in rounds]
    return [schema.number(entry.get(metric), metric, 0.0, 1.0 + 1e-9) for entry in entries]


def _curves(comparison: RecordedComparison, colors: dict[str, str], judge: str) -> Markup | None:
    """From metrics.json of the arms' runs; None where there are no runs of several rounds."""
    arms = []
    drawn, metric = set(), comparison.metric
    for arm in comparison.arms:
        curves: list[list[float]] = []
        for run in arm.runs:
            folder = comparison.folder(run.workdir)
            if folder is None or not Workdir(folder).metrics.is_file():
                continue
            if folder in drawn:
                # The fused rounds of an arm drawn before: what they reach together belongs at their end.
                values = [_accuracy(run, judge)]
            else:
                drawn.add(folder)
                path = Workdir(folder).metrics
                values = comparison.damages.read(path, lambda path: _rounds(path, judge, metric), [])
            known = [100 * value for value in values if value is not None]
            if known and len(known) == len(values):
                curves.append(known)
        if curves:
            shortest = min(map(len, curves))
            array = np.array([curve[:shortest] for curve in curves])
            arms.append(comparison_charts.ArmCurves(arm.name, arm.title, array))
    if not arms or max(arm.values.shape[1] for arm in arms) < 2:
        return None
    return comparison_charts.arm_curves(arms, colors, judge)
