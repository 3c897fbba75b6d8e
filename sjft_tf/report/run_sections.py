"""What the page says about one run: the values and charts of each section, ready for the template."""

from __future__ import annotations

from typing import Any

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.evaluation import SCORED
from sjft_tf.report import run_charts
from sjft_tf.report.pictures import Pictures
from sjft_tf.report.reading import RecordedRun
from sjft_tf.report.run_images import borrowed_images, hardest_images

_PAIRS = 12  # confusions in the table
_CLASSES = 8  # weakest, and strongest, classes
_LEAKS = 20  # leaks in the table


def run_context(run: RecordedRun, pictures: Pictures, name: str = "run") -> dict[str, Any]:
    """Everything the template of a run asks for.

    Args:
        run: the run.
        pictures: its images, as far as there are any.
        name: goes before the ids in the page, so that several runs could share one.
    """
    part = run.damages.part
    nothing: list[Any] = []
    context = {
        "name": name,
        "judge": run.judge,
        "problem": pictures.problem,
        "headline": part("The figures at the head", lambda: _headline(run), nothing),
        "changed": part("The settings", lambda: _changed(run), nothing),
        "specs": {role: run.config["data"].get(role) for role in ("target", "validation", "test", "source")},
        "rounds": part("The table of rounds", lambda: _rounds(run), nothing),
        "curves": part("Learning curves", lambda: _curves(run, name), nothing),
        "neighbors": part("K of each target image", lambda: _neighbors(run, name), None),
        "entropy": part("Entropies", lambda: _entropy(run, name), None),
        "union": part("The union", lambda: _union(run, name), None),
        "classes": part("Source classes drawn on", lambda: _classes(run, name), None),
        "borrowed": part("What was borrowed", lambda: borrowed_images(run, pictures), _unknown(run)),
        "hardest": part("The hardest images", lambda: hardest_images(run, pictures), None),
        "confusions": part("Confusions", lambda: _confusions(run), nothing),
        "per_class": part("Figures of classes", lambda: _per_class(run), nothing),
        "leaks": part("Leakage", lambda: _leaks(run), None),
        "times": part("Times", lambda: _times(run, name), None),
        "settings": run.config,
        "versions": _versions(run),
    }
    return {**context, "damages": run.damages.notes}


def _unknown(run: RecordedRun) -> dict[str, Any] | None:
    """What `borrowed_images` would say without pictures."""
    return {"lines": [], "drawn": [], "selector": run.config["selection"]["selector"]} if run.borrows else None


def _headline(run: RecordedRun) -> list[dict[str, Any]]:
    """The figures one looks at first: kind of number, value, what it is."""
    tiles = []
    if run.judge:
        figures = run.figures[-1][run.judge]
        images = f"{figures.count:,} {run.judge} images"
        tiles.append({"share": figures.mean_class_accuracy, "what": "mean class accuracy", "note": images})
        tiles.append({"share": figures.top1, "what": "top-1 accuracy", "note": images})
        if run.judge in run.fused:
            fused = run.fused[run.judge].mean_class_accuracy
            note = f"mean prediction of {len(run.states)} rounds"
            tiles.append({"share": fused, "what": "mean class accuracy, fused", "note": note})
    else:
        scoring = run.rounds[-1].scoring
        share, note = scoring.train_top1 if scoring else None, "no test or validation images"
        tiles.append({"share": share, "what": "accuracy on the training images", "note": note})
    if (last := run.rounds[-1].borrowed) is not None:
        part = f" ({100 * last.union_size / run.source_size:.0f} % of the source)" if run.source_size else ""
        note = f"of {last.source_classes:,} classes, in the last round{part}"
        tiles.append({"number": last.union_size, "what": "source images borrowed", "note": note})
    if run.times:
        note = f"{len(run.states)} rounds, {run.states[-1].global_step:,} training steps"
        tiles.append({"seconds": sum(run.times.values()), "what": "in all", "note": note})
    return tiles


def _changed(run: RecordedRun) -> list[dict[str, Any]]:
    """The settings that are not at their defaults."""
    usual = RunConfig().to_json()
    return [
        {"name": name, "value": value, "default": usual.get(section, {}).get(name)}
        for section, settings in run.config.items()
        for name, value in settings.items()
        if value != usual.get(section, {}).get(name)
    ]


def _rounds(run: RecordedRun) -> list[dict[str, Any]]:
    return [
        {
            "number": told.round,
            "step": told.global_step,
            "seconds": told.seconds,
            **(vars(told.scoring) if told.scoring else {}),
            **{f"{name}_accuracy": figures.mean_class_accuracy for name, figures in sets.items()},
            **(vars(told.borrowed) if told.borrowed else {}),
        }
        for told, sets in zip(run.rounds, run.figures, strict=True)
    ]


def _curves(run: RecordedRun, name: str) -> list[Any]:
    ends = [told.global_step for told in run.rounds]
    lines: dict[str, list[float | None]] = {}
    for kind in SCORED:
        values = [sets[kind].mean_class_accuracy if kind in sets else None for sets in run.figures]
        if any(value is not None for value in values):
            lines[f"{kind}, mean class"] = values
    train = [told.scoring.train_top1 if told.scoring else None for told in run.rounds]
    if any(value is not None for value in train):
        lines["target training images"] = train
    charts = [
        run_charts.losses(run.curves, ends, name),
        run_charts.accuracies(run.curves, ends, name),
        run_charts.rounds_accuracy(lines, name) if lines else None,
        _hard(run, name),
    ]
    return [chart for chart in charts if chart is not None]


def _hard(run: RecordedRun, name: str) -> Any:
    scorings = [told.scoring for told in run.rounds if told.scoring is not None]
    if len(scorings) < len(run.rounds):
        return None
    wrong, uncertain = [scoring.wrong for scoring in scorings], [scoring.uncertain for scoring in scorings]
    return run_charts.hard_images(wrong, uncertain, len(run.states[0].counts), name)


def _neighbors(run: RecordedRun, name: str) -> Any:
    if not run.borrows:
        return None
    counts = [of_round for index in range(len(run.states)) if (of_round := run.counts(index)) is not None]
    return run_charts.neighbor_counts(counts, name)


def _entropy(run: RecordedRun, name: str) -> Any:
    first, last = run.scorings[0], run.scorings[-1]
    if first is None or last is None:
        return None
    delta = float(run.config["selection"]["delta"])
    return run_charts.entropy_histogram(first["entropy"], last["entropy"], len(run.states), delta, name)


def _union(run: RecordedRun, name: str) -> Any:
    borrowed = [told.borrowed for told in run.rounds if told.borrowed is not None]
    if len(borrowed) < len(run.rounds):
        return None
    sizes, classes = [figures.union_size for figures in borrowed], [figures.source_classes for figures in borrowed]
    return run_charts.union_growth(sizes, classes, run.source_size, name)


def _classes(run: RecordedRun, name: str) -> Any:
    last, names = run.scorings[-1], run.classes.get("source", [])
    if last is None or "class_share" not in last or len(names) != len(last["class_share"]):
        return None
    return run_charts.class_draws(names, last["class_share"], last["class_images"], name)


def _confusions(run: RecordedRun) -> list[dict[str, Any]]:
    """The most frequent mistakes on the judging images."""
    if not run.judge:
        return []
    metrics = run.figures[-1][run.judge]
    confusion, names = metrics.confusion, metrics.class_names
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    cells = [(*divmod(int(cell), len(confusion)), int(wrong.flat[cell])) for cell in order if wrong.flat[cell]]
    return [
        {"label": names[label], "predicted": names[other], "count": count, "of": int(confusion[label].sum())}
        for label, other, count in cells
    ]


def _per_class(run: RecordedRun) -> list[dict[str, Any]]:
    """Weakest and strongest classes; all of them where they are few. A gap stands between the two ends."""
    lines = [
        {
            "name": line["class"],
            "recall": float(line["recall"]),
            "images": int(line["images"]),
            "precision": float(line["precision"]) if line["precision"] else None,
            "taken_for": line["confused_with"],
            "confused": int(line["confused"]),
        }
        for line in run.class_lines
        if line["recall"]
    ]
    if len(lines) <= 2 * _CLASSES + 4:
        return lines
    return [*lines[:_CLASSES], {"gap": len(lines) - 2 * _CLASSES}, *lines[-_CLASSES:]]


def _leaks(run: RecordedRun) -> dict[str, Any] | None:
    if run.leaks is None:
        return None
    kinds: dict[tuple[str, str], int] = {}
    for line in run.leaks:
        key = (line["role"], line["kind"])
        kinds[key] = kinds.get(key, 0) + 1
    counts = [{"role": role, "kind": kind, "count": count} for (role, kind), count in sorted(kinds.items())]
    excluded = bool(run.config["data"]["exclude_leaks"])
    return {"total": len(run.leaks), "counts": counts, "lines": run.leaks[:_LEAKS], "excluded": excluded}


def _times(run: RecordedRun, name: str) -> Any:
    return run_charts.stage_times(run.times, name) if run.times else None


def _versions(run: RecordedRun) -> dict[str, Any]:
    facts = {"sjft_tf": run.recorded.get("sjft_tf"), "revision": run.recorded.get("revision")}
    facts |= {"Python": run.recorded.get("python"), "platform": run.recorded.get("platform")}
    facts |= run.recorded.get("packages", {})
    return {name: value for name, value in facts.items() if value is not None}
