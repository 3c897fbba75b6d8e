"""What the page says about a comparison: the values and charts of each section, ready for the template."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts
from sjft_tf.report import comparison_charts, schema
from sjft_tf.report.comparison import RecordedComparison

METRICS = {"mean_class_accuracy": "mean class accuracy", "top1": "top-1 accuracy"}


def comparison_context(comparison: RecordedComparison, output: Path) -> dict[str, Any]:
    """Everything the template of a comparison asks for, apart from the representative run.

    Args:
        comparison: as read.
        output: where the page will lie; links to runs are relative to it.
    """
    found = comparison.found
    tested = any(run.get("test") is not None for arm in comparison.arms for run in arm["runs"])
    judge = "test" if tested else "validation"
    colors = comparison_charts.arm_colors([arm["name"] for arm in comparison.arms], found["baseline"])
    metric = METRICS.get(found["metric"], str(found["metric"]).replace("_", " "))
    titles = {arm["name"]: comparison.title(arm) for arm in comparison.arms}
    baseline = titles.get(found["baseline"], found["baseline"])
    rows = [_row(comparison, arm, judge, colors, output) for arm in comparison.arms]
    return {
        "judge": judge,
        "metric": metric,
        "baseline": baseline,
        "rows": rows,
        "facts": {name: found.get(name) for name in ("target", "source", "per_class", "seeds", "command")},
        "settings": found.get("settings") or {},
        "bars": comparison_charts.accuracy_bars([_bar(row) for row in rows], colors, judge, metric),
        "differences": _differences(comparison, rows, colors, baseline, judge),
        "trials": _trials(comparison, colors),
        "curves": _curves(comparison, colors, judge),
    }


def _row(
    comparison: RecordedComparison, arm: dict[str, Any], judge: str, colors: dict[str, str], output: Path
) -> dict[str, Any]:
    summary = arm["summary"]
    chosen = arm.get("chosen") or {}
    runs = [
        {**run, "link": _link(comparison, run, output), "value": run.get(judge)}
        for run in sorted(arm["runs"], key=lambda run: run["seed"])
    ]
    return {
        "name": arm["name"],
        "title": comparison.title(arm),
        "description": arm.get("description") or "",
        "baseline": arm["name"] == comparison.found["baseline"],
        "color": colors[arm["name"]],
        **{key: summary.get(key) for key in ("n", "mean", "sd", "difference", "low", "high", "seconds")},
        "half": _half_interval(summary),
        "rate": chosen.get("learning_rate"),
        "weight": chosen.get("source_weight"),
        "runs": runs,
    }


def _half_interval(summary: dict[str, Any]) -> float | None:
    """Half the 95 % interval of the mean by Student's t; None for a single run."""
    from scipy.stats import t

    n, sd = summary.get("n") or 0, summary.get("sd")
    return None if n < 2 or sd is None else float(t.ppf(0.975, n - 1)) * sd / math.sqrt(n)


def _link(comparison: RecordedComparison, entry: dict[str, Any], output: Path) -> str | None:
    folder = comparison.folder(entry)
    if folder is None:
        return None
    from urllib.parse import quote

    return quote(Path(os.path.relpath(folder.resolve(), output.resolve().parent)).as_posix()) + "/"


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _bar(row: dict[str, Any]) -> dict[str, Any]:
    values = [100 * run["value"] for run in row["runs"] if run["value"] is not None]
    return {
        **{"name": row["name"], "title": row["title"], "values": values},
        **{"mean": _percent(row["mean"]), "half": _percent(row["half"])},
    }


def _differences(
    comparison: RecordedComparison, rows: list[dict[str, Any]], colors: dict[str, str], baseline: str, judge: str
) -> Any:
    """Arms beside the baseline; None where there is no pair."""
    values = {row["name"]: {run["seed"]: run["value"] for run in row["runs"]} for row in rows}
    plain = values.get(comparison.found["baseline"], {})
    seeds = [seed for seed in comparison.found["seeds"] if plain.get(seed) is not None]
    arms = []
    for row in rows:
        if row["baseline"]:
            continue
        own = values[row["name"]]
        pairs = [None if own.get(seed) is None else 100 * (own[seed] - plain[seed]) for seed in seeds]
        named = {key: _percent(row[key]) for key in ("difference", "low", "high")}
        arms.append({"name": row["name"], "title": row["title"], "differences": pairs, **named})
    if not arms or not seeds:
        return None
    return comparison_charts.paired_differences(arms, seeds, colors, baseline)


def _trials(comparison: RecordedComparison, colors: dict[str, str]) -> Any:
    """None where nothing was chosen by trials."""
    arms = []
    for arm in comparison.arms:
        lines: dict[str, dict[float, list[float]]] = {}
        for trial in arm.get("trials") or []:
            if trial.get("validation") is None or not trial.get("learning_rate"):
                continue
            weight = trial.get("source_weight")
            points = lines.setdefault("" if weight is None else f"{weight:g}", {})
            points.setdefault(float(trial["learning_rate"]), []).append(100 * trial["validation"])
        if not lines:
            continue
        averaged = {
            weight: [(rate, float(np.mean(values))) for rate, values in sorted(points.items())]
            for weight, points in sorted(lines.items())
        }
        chosen = arm.get("chosen") or {}
        weight = chosen.get("source_weight")
        ring = [
            point
            for point in averaged.get("" if weight is None else f"{weight:g}", [])
            if point[0] == chosen.get("learning_rate")
        ]
        arms.append(
            {
                **{"name": arm["name"], "title": comparison.title(arm), "lines": averaged},
                "chosen": ring[0] if ring else None,
            }
        )
    return comparison_charts.trials(arms, colors) if arms else None


def _rounds(path: Path, judge: str, metric: str) -> list[float | None]:
    rounds = schema.run_figures(artifacts.read_json(path)).rounds
    entries = [figures.sets[judge].to_json() if judge in figures.sets else {} for figures in rounds]
    return [schema.number(entry.get(metric), metric, 0.0, 1.0 + 1e-9) for entry in entries]


def _curves(comparison: RecordedComparison, colors: dict[str, str], judge: str) -> Any:
    """From metrics.json of the arms' runs; None where there are no runs of several rounds."""
    arms = []
    drawn, metric = set(), comparison.found["metric"]
    for arm in comparison.arms:
        curves = []
        for run in arm["runs"]:
            folder = comparison.folder(run)
            if folder is None or not (folder / "metrics.json").is_file():
                continue
            if folder in drawn:
                # The fused rounds of an arm drawn before: what they reach together belongs at their end.
                values = [run.get(judge)]
            else:
                drawn.add(folder)
                values = comparison.damages.read(folder / "metrics.json", lambda path: _rounds(path, judge, metric), [])
            if values and None not in values:
                curves.append([100 * value for value in values])
        if curves:
            shortest = min(map(len, curves))
            array = np.array([curve[:shortest] for curve in curves])
            arms.append({"name": arm["name"], "title": comparison.title(arm), "values": array})
    if not arms or max(arm["values"].shape[1] for arm in arms) < 2:
        return None
    return comparison_charts.arm_curves(arms, colors, judge)
