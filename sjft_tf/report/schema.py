"""What the files that a report reads must hold. Each function returns its argument or raises InputError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation import RoundEvaluation, RoundFigures, RunFigures, SetFigures
from sjft_tf.report.bounds import MOST
from sjft_tf.schema import mismatch

LEAK_COLUMNS = ("source_id", "role", "target_id", "kind", "score")
CLASS_COLUMNS = ("class", "images", "recall", "precision", "confused_with", "confused")
RANKED_COLUMNS = ("roc_auc", "average_precision")
"""Which older runs do not have."""


def need(fits: bool, what: str) -> None:
    """Raises InputError that says what was expected."""
    if not fits:
        raise InputError(f"expected {what}")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    need(isinstance(value, dict), f"{what} as an object, received {type(value).__name__}")
    return value


def number(value: Any, what: str, low: float = 0.0, high: float = MOST) -> Any:
    """A number within `low` and `high`, or nothing."""
    fits = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high)
    need(fits, f"{what} as a number from {low:g} to {high:g}")
    return value


def numbers(values: Any, names: Iterable[str], what: str, low: float = 0.0, high: float = MOST) -> dict[str, Any]:
    """An object in which these names, where they are there, are numbers or nothing."""
    for name in names:
        number(mapping(values, what).get(name), f"`{name}` of {what}", low, high)
    return values


def words(value: Any, what: str) -> list[str]:
    """A list of texts."""
    need(isinstance(value, list) and all(isinstance(word, str) for word in value), f"{what} as a list of texts")
    return value


def configuration(record: Any) -> dict[str, Any]:
    """config.json."""
    sections = mapping(mapping(record, "config.json").get("config"), "`config`")
    for name, settings in sections.items():
        mapping(settings, f"`{name}`")
    selection, data = (mapping(sections.get(name), f"`{name}`") for name in ("selection", "data"))
    need(isinstance(selection.get("selector"), str), "`selector` as text")
    need(number(selection.get("delta"), "`delta`") is not None, "`delta` as a number")
    need(isinstance(data.get("exclude_leaks"), bool), "`exclude_leaks` as true or false")
    mapping(record.get("packages", {}), "`packages`")
    return record


def round_evaluation(value: Any) -> RoundEvaluation:
    """metrics.json of a round: by set, the figures and the confusion matrix."""
    for name, figures in mapping(value, "figures").items():
        mapping(figures, f"figures of the {name} images")
        number(figures.get("count"), "`count`")
        need(isinstance(figures.get("count"), int), "`count` as a whole number")
        mapping(figures.get("made_from"), "`made_from`")
    evaluation = _formed(RoundEvaluation, value, "figures")
    for metrics in evaluation.metrics.values():
        _shares(metrics)
    return evaluation


def run_figures(value: Any) -> RunFigures:
    """metrics.json of a run."""
    figures = _formed(RunFigures, value, "metrics")
    for metrics in figures.fusion.values():
        _shares(metrics)
    for told in figures.rounds:
        for headline in told.sets.values():
            _shares(headline)
    return figures


def _shares(figures: SetFigures) -> None:
    number(figures.top1, "`top1`", 0.0, 1.0 + 1e-9)
    number(figures.mean_class_accuracy, "`mean_class_accuracy`", 0.0, 1.0 + 1e-9)


def round_figures(round_number: int, step: int, metrics: Any) -> RoundFigures:
    """What a state says of its round."""
    told = mapping(metrics, "metrics")
    number(told.get("seconds"), "`seconds`")
    figures = _formed(RoundFigures, {**told, "round": round_number, "global_step": step}, "metrics")
    for part, what in ((figures.scoring, "scoring"), (figures.borrowed, "borrowed")):
        if part is not None:
            numbers(vars(part), vars(part), f"`{what}`")
    return figures


Kind = TypeVar("Kind", RunFigures, RoundEvaluation, RoundFigures)


def _formed(kind: type[Kind], value: Any, what: str) -> Kind:
    """The figures that an object holds."""
    if (reason := mismatch(value, kind.FORM, what)) is not None:
        raise InputError(reason)
    return kind.from_json(value)


def scoring_record(arrays: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """scoring.npz, of `count` target images."""
    kinds = {"entropy": "f", "predicted": "i", "wrong": "b", "labels": "i"}
    need(set(kinds) <= set(arrays), f"the arrays {', '.join(kinds)}")
    for name, kind in kinds.items() | ({("counts", "i")} if "counts" in arrays else set()):
        array = arrays[name]
        need(array.shape == (count,) and array.dtype.kind == kind, f"`{name}` of {count} target images")
    need(bool(np.isfinite(arrays["entropy"]).all()), "finite `entropy`")
    need(min(arrays["predicted"].min(), arrays["labels"].min()) >= 0, "classes from 0")
    for whole, part in (("class_images", "class_share"), ("drawn_rows", "drawn_share")):
        need((whole in arrays) == (part in arrays), f"`{whole}` and `{part}` together")
        if whole in arrays:
            one, other = arrays[whole], arrays[part]
            need(one.ndim == 1 and one.shape == other.shape and one.dtype.kind == "i", f"`{whole}` like `{part}`")
            shares = other.dtype.kind == "f" and bool(((other >= 0) & (other <= 1 + 1e-6)).all())
            need(shares and one.min(initial=0) >= 0, f"`{part}` as shares, `{whole}` from 0")
    return arrays


def class_lines(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """report.csv."""
    for line_number, line in enumerate(lines, start=2):
        what = f"in line {line_number}"
        for name, high in (("images", MOST), ("confused", MOST), ("recall", 1.0), ("precision", 1.0)):
            if line[name] or high == MOST:
                value = int(line[name]) if high == MOST else float(line[name])
                number(value, f"`{name}` {what}", 0.0, high)
        for name in RANKED_COLUMNS:
            if line.get(name):
                number(float(line[name]), f"`{name}` {what}", 0.0, 1.0)
    return lines
