"""What the page says about one run: the values and charts of each section, ready for the template."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from sjft_tf.config import RunConfig
from sjft_tf.evaluation import SCORED
from sjft_tf.report import run_charts
from sjft_tf.report.pictures import Pictures
from sjft_tf.report.reading import RecordedRun
from sjft_tf.report.run_images import borrowed_images, hardest_images
from sjft_tf.report.run_ranking import ranking_charts
from sjft_tf.report.run_rows import (
    BorrowedPictures,
    ChangedSetting,
    ClassGap,
    ClassRow,
    Confusion,
    LeakCount,
    Leaks,
    RoundRow,
    Tile,
)
from sjft_tf.report.schema import RANKED_COLUMNS

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
        "chosen": run.chosen,
        "co_tuned": run.co_tuned,
        "score_name": _score_name(run),
        "entropy_unit": _entropy_unit(run),
        "several_labels": _several_labels(run),
        "borrowed": part("What was borrowed", lambda: borrowed_images(run, pictures), _unknown(run)),
        "hardest": part("The hardest images", lambda: hardest_images(run, pictures), None),
        "confusions": part("Confusions", lambda: _confusions(run), nothing),
        "per_class": part("Figures of classes", lambda: _per_class(run), nothing),
        "ranking": part("Curves of classes", lambda: ranking_charts(run, name), nothing),
        "leaks": part("Leakage", lambda: _leaks(run), None),
        "times": part("Times", lambda: _times(run, name), None),
        "settings": run.config,
        "versions": _versions(run),
    }
    return {**context, "damages": run.damages.notes}


def _unknown(run: RecordedRun) -> BorrowedPictures | None:
    """What `borrowed_images` would say without pictures."""
    return BorrowedPictures([], [], run.selector) if run.borrows else None


def _several_labels(run: RecordedRun) -> bool:
    return any(metrics.several_labels for sets in run.figures for metrics in sets.values())


def _entropy_unit(run: RecordedRun) -> str:
    return "bits a class" if _several_labels(run) else "nats"


def _score_name(run: RecordedRun) -> str:
    names = [metrics.score_name for sets in run.figures for metrics in sets.values()]
    return names[0] if names else "mean class accuracy"


def _headline(run: RecordedRun) -> list[Tile]:
    """The figures one looks at first."""
    tiles = []
    if run.judge:
        figures = run.figures[run.counting][run.judge]
        images = f"{figures.count:,} {run.judge} images"
        tiles.append(Tile("share", figures.score, figures.score_name, images))
        if figures.several_labels:
            tiles.append(Tile("share", figures.micro_f1, "F1 of all labels (micro)", images))
            tiles.append(Tile("share", figures.macro_f1, "F1, mean of classes (macro)", images))
        else:
            tiles.append(Tile("share", figures.top1, "top-1 accuracy", images))
        if run.judge in run.fused:
            note = f"mean prediction of {len(run.states)} rounds"
            tiles.append(Tile("share", run.fused[run.judge].score, f"{figures.score_name}, fused", note))
    else:
        scoring = run.rounds[run.counting].scoring
        share, note = scoring.train_top1 if scoring else None, "no test or validation images"
        tiles.append(Tile("share", share, "accuracy on the training images", note))
    if (last := run.rounds[run.counting].borrowed) is not None:
        part = f" ({100 * last.union_size / run.source_size:.0f} % of the source)" if run.source_size else ""
        note = f"of {last.source_classes:,} classes, in the last round{part}"
        tiles.append(Tile("number", last.union_size, "source images borrowed", note))
    if run.times:
        note = f"{len(run.states)} rounds, {run.states[-1].global_step:,} training steps"
        tiles.append(Tile("seconds", sum(run.times.values()), "in all", note))
    return tiles


def _changed(run: RecordedRun) -> list[ChangedSetting]:
    """The settings that are not at their defaults."""
    usual = RunConfig().to_json()
    return [
        ChangedSetting(name, value, usual.get(section, {}).get(name))
        for section, settings in run.config.items()
        for name, value in settings.items()
        if value != usual.get(section, {}).get(name)
    ]


def _rounds(run: RecordedRun) -> list[RoundRow]:
    pairs = zip(run.rounds, run.figures, strict=True)
    return [RoundRow(told, sets.get("validation"), sets.get("test")) for told, sets in pairs]


def _curves(run: RecordedRun, name: str) -> list[Markup]:
    ends = [told.global_step for told in run.rounds]
    lines: dict[str, list[float | None]] = {}
    for kind in SCORED:
        values = [sets[kind].score if kind in sets else None for sets in run.figures]
        if any(value is not None for value in values):
            name_of = "mean average precision" if _several_labels(run) else "mean class"
            lines[f"{kind}, {name_of}"] = values
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


def _hard(run: RecordedRun, name: str) -> Markup | None:
    scorings = [told.scoring for told in run.rounds if told.scoring is not None]
    if len(scorings) < len(run.rounds):
        return None
    wrong, uncertain = [scoring.wrong for scoring in scorings], [scoring.uncertain for scoring in scorings]
    return run_charts.hard_images(wrong, uncertain, len(run.states[0].counts), name)


def _neighbors(run: RecordedRun, name: str) -> Markup | None:
    if not run.borrows:
        return None
    counts = [of_round for index in range(len(run.states)) if (of_round := run.counts(index)) is not None]
    return run_charts.neighbor_counts(counts, name)


def _entropy(run: RecordedRun, name: str) -> Markup | None:
    first, last = run.scorings[0], run.scorings[-1]
    if first is None or last is None:
        return None
    delta = float(run.config["selection"]["delta"])
    unit = _entropy_unit(run)
    return run_charts.entropy_histogram(first["entropy"], last["entropy"], len(run.states), delta, name, unit)


def _union(run: RecordedRun, name: str) -> Markup | None:
    borrowed = [told.borrowed for told in run.rounds if told.borrowed is not None]
    if len(borrowed) < len(run.rounds):
        return None
    sizes, classes = [figures.union_size for figures in borrowed], [figures.source_classes for figures in borrowed]
    return run_charts.union_growth(sizes, classes, run.source_size, name)


def _classes(run: RecordedRun, name: str) -> Markup | None:
    last, names = run.scorings[run.counting], run.classes.get("source", [])
    if last is None or "class_share" not in last or len(names) != len(last["class_share"]):
        return None
    return run_charts.class_draws(names, last["class_share"], last["class_images"], name)


def _confusions(run: RecordedRun) -> list[Confusion]:
    """The most frequent mistakes on the judging images."""
    if not run.judge:
        return []
    metrics = run.figures[run.counting][run.judge]
    confusion, names = metrics.confusion, metrics.class_names
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    cells = [(*divmod(int(cell), len(confusion)), int(wrong.flat[cell])) for cell in order if wrong.flat[cell]]
    return [Confusion(names[label], names[other], count, int(confusion[label].sum())) for label, other, count in cells]


def _per_class(run: RecordedRun) -> list[ClassRow | ClassGap]:
    """Weakest and strongest classes; all of them where they are few. A gap stands between the two ends."""
    lines: list[ClassRow | ClassGap] = [
        ClassRow(
            name=line["class"],
            recall=float(line["recall"]),
            images=int(line["images"]),
            precision=float(line["precision"]) if line["precision"] else None,
            taken_for=line["confused_with"],
            confused=int(line["confused"]),
            **{figure: float(line[figure]) for figure in RANKED_COLUMNS if line.get(figure)},
        )
        for line in run.class_lines
        if line["recall"]
    ]
    if len(lines) <= 2 * _CLASSES + 4:
        return lines
    return [*lines[:_CLASSES], ClassGap(len(lines) - 2 * _CLASSES), *lines[-_CLASSES:]]


def _leaks(run: RecordedRun) -> Leaks | None:
    if run.leaks is None:
        return None
    kinds: dict[tuple[str, str], int] = {}
    for line in run.leaks:
        key = (line["role"], line["kind"])
        kinds[key] = kinds.get(key, 0) + 1
    counts = [LeakCount(role, kind, count) for (role, kind), count in sorted(kinds.items())]
    return Leaks(len(run.leaks), counts, run.leaks[:_LEAKS], bool(run.config["data"]["exclude_leaks"]))


def _times(run: RecordedRun, name: str) -> Markup | None:
    return run_charts.stage_times(run.times, name) if run.times else None


def _versions(run: RecordedRun) -> dict[str, object]:
    facts = {"sjft_tf": run.recorded.get("sjft_tf"), "revision": run.recorded.get("revision")}
    facts |= {"Python": run.recorded.get("python"), "platform": run.recorded.get("platform")}
    facts |= run.recorded.get("packages", {})
    return {name: value for name, value in facts.items() if value is not None}
