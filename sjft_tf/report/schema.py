"""What the files that a report reads must hold. Each function returns its argument or raises InputError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.report.bounds import MOST

LEAK_COLUMNS = ("source_id", "role", "target_id", "kind", "score")
CLASS_COLUMNS = ("class", "images", "recall", "precision", "confused_with", "confused")


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


def numbers(found: Any, names: Iterable[str], what: str, low: float = 0.0, high: float = MOST) -> dict[str, Any]:
    """An object in which these names, where they are there, are numbers or nothing."""
    for name in names:
        number(mapping(found, what).get(name), f"`{name}` of {what}", low, high)
    return found


def words(value: Any, what: str) -> list[str]:
    """A list of texts."""
    need(isinstance(value, list) and all(isinstance(word, str) for word in value), f"{what} as a list of texts")
    return value


def configuration(found: Any) -> dict[str, Any]:
    """config.json."""
    sections = mapping(mapping(found, "config.json").get("config"), "`config`")
    for name, settings in sections.items():
        mapping(settings, f"`{name}`")
    selection, data = (mapping(sections.get(name), f"`{name}`") for name in ("selection", "data"))
    need(isinstance(selection.get("selector"), str), "`selector` as text")
    need(number(selection.get("delta"), "`delta`") is not None, "`delta` as a number")
    need(isinstance(data.get("exclude_leaks"), bool), "`exclude_leaks` as true or false")
    mapping(found.get("packages", {}), "`packages`")
    return found


def figures(found: Any) -> dict[str, Any]:
    """metrics.json of a round: by set, the figures and the confusion matrix."""
    for kind, each in mapping(found, "figures").items():
        mapping(each, f"figures of the {kind} images")
        number(each.get("count"), "`count`")
        need(isinstance(each.get("count"), int), "`count` as a whole number")
        for name in ("top1", "mean_class_accuracy"):
            need(name in each, f"`{name}`")
            number(each[name], f"`{name}`", 0.0, 1.0 + 1e-9)
        names = words(each.get("class_names"), "`class_names`")
        rows = each.get("confusion")
        need(isinstance(rows, list) and len(rows) == len(names), "`confusion` with a row for each class")
        matrix = np.array(rows)
        square = matrix.shape == (len(names),) * 2 and matrix.dtype.kind == "i" and matrix.min(initial=0) >= 0
        need(square, "`confusion` as a square of counts")
    return found


def round_metrics(found: Any) -> dict[str, Any]:
    """What a state says of its round."""
    number(mapping(found, "metrics").get("seconds"), "`seconds`")
    scoring, borrowed = found.get("scoring"), found.get("borrowed")
    if "scoring" in found:
        numbers(scoring, ("train_top1", "mean_entropy"), "`scoring`")
        for name in ("wrong", "uncertain"):
            need(isinstance(scoring.get(name), int), f"`{name}` as a whole number")
            number(scoring[name], f"`{name}`")
    if "borrowed" in found:
        numbers(borrowed, ("mean_k", "max_k"), "`borrowed`")
        for name in ("union_size", "source_classes"):
            need(isinstance(borrowed.get(name), int), f"`{name}` as a whole number")
            number(borrowed[name], f"`{name}`")
    return found


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
    for place, line in enumerate(lines, start=2):
        what = f"in line {place}"
        for name, high in (("images", MOST), ("confused", MOST), ("recall", 1.0), ("precision", 1.0)):
            if line[name] or high == MOST:
                value = int(line[name]) if high == MOST else float(line[name])
                number(value, f"`{name}` {what}", 0.0, high)
    return lines
