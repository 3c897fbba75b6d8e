"""A probe of layers: what probe.json and points.npz hold, checked, and the values and charts of its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from sjft_tf import artifacts
from sjft_tf.report.bounds import plottable
from sjft_tf.report.damage import core
from sjft_tf.report.markdown import standalone
from sjft_tf.report.svg import BASELINE, INK, PALETTE, Chart
from sjft_tf.schema import Array, Form, Schema
from sjft_tf.words import one_line
from sjft_tf.workdir import ProbeFiles

_NUMBER: dict[str, Form] = {"difference": float, "pairs": int, "seeds": int}
_SETTING: dict[str, Form] = {
    "layer": str,
    "views": str,
    "classifier": str,
    "transformed": bool,
    "validation": float,
    "test": float,
    "tests": [float],
    "strengths": [float],
    "powers": [float],
    "seconds": float,
}
_FORM: dict[str, Form] = {
    "target": str,
    "trunk": str,
    "pooling": str,
    "seeds": [int],
    "images": {"*": int},
    "layers": {"*": [int]},
    "settings": [_SETTING],
    "best": int,
    "gains": {"*": _NUMBER},
    "command": str,
}
_POINTS = Schema(
    {
        "points": Array("float32", ("images", 2)),
        "labels": Array("int32", ("images",), low=-1),
        "sets": Array("int32", ("images",), low=0, high=2),
    },
    {"layer": str, "how": str, "sets": [str], "classes": [str]},
)
_SETS = ("o", "^", "x")
_HOW = {"pca": "principal components", "tsne": "t-SNE"}
_BANDS = 4  # of intervals in one chart; more hide each other
_CLASSES = 16  # in one legend; beyond, colors only tell neighbors apart


def read_probe(root: Path) -> dict[str, Any]:
    """probe.json.

    Raises:
        InputError: it is damaged or of another shape.
    """

    def read(path: Path) -> dict[str, Any]:
        return artifacts.read_json(path, _FORM)

    return core(root / ProbeFiles.RECORD, read)


def probe_context(root: Path, record: dict[str, Any]) -> dict[str, Any]:
    """What the templates take."""
    settings, layers = record["settings"], list(record["layers"])
    columns = list(dict.fromkeys(_kind(one) for one in settings))
    cells = {(one["layer"], _kind(one)): {**one, "half": _half(one)} for one in settings}
    best = settings[record["best"]] if 0 <= record["best"] < len(settings) else None
    rows = [{"kind": kind, "cells": [cells.get((layer, kind)) for layer in layers]} for kind in columns]
    clouds = _clouds(root / ProbeFiles.POINTS)
    return {
        "facts": {name: record.get(name) for name in ("target", "source", "distance", "per_class", "seeds", "command")},
        "record": record,
        "layers": {layer: " x ".join(map(str, shape)) for layer, shape in record["layers"].items()},
        "rows": rows,
        "best": best,
        "best_kind": _kind(best) if best else "",
        "kind": _kind,
        "curve": _curve(layers, columns, cells),
        "clouds": clouds,
    }


def write_features(root: Path) -> list[Path]:
    """Writes the picture of the features as files, by class and by set; none where no points are kept."""
    clouds = _clouds(root / ProbeFiles.POINTS)
    if clouds is None:
        return []
    written = []
    for name, path in zip(("by_class", "by_set"), ProbeFiles.PICTURES, strict=True):
        with artifacts.atomic_write(root / path, "w") as stream:
            stream.write(standalone(clouds[name]))
        written.append(root / path)
    return written


def _kind(setting: dict[str, Any]) -> str:
    name = {"svm": "SVM", "logistic": "logistic regression"}.get(setting["classifier"], setting["classifier"])
    return name + ", 16 views" * (setting["views"] == "sixteen") + ", power" * setting["transformed"]


def _half(setting: dict[str, Any]) -> float | None:
    low, high = setting.get("low"), setting.get("high")
    return (high - low) / 2 if isinstance(low, float) and isinstance(high, float) else None


def _curve(layers: list[str], columns: list[str], cells: dict[tuple[str, str], dict[str, Any]]) -> Markup:
    """Test accuracy over the stages, a line for each kind of classifier."""
    with Chart("stages", 7.4, 3.4) as chart:
        positions = np.arange(len(layers))
        for number, kind in enumerate(columns):
            found = [cells.get((layer, kind)) for layer in layers]
            means = plottable([np.nan if one is None else 100 * one["test"] for one in found])
            halves = plottable([100 * (one["half"] or 0.0) if one else 0.0 for one in found])
            color, dash = PALETTE[number % len(PALETTE)], "--" if "power" in kind else "-"
            chart.axes.plot(positions, means, dash, color=color, marker="o", markersize=4, label=one_line(kind))
            if halves.any() and len(columns) <= _BANDS:
                chart.axes.fill_between(positions, means - halves, means + halves, color=color, alpha=0.13, linewidth=0)
        chart.axes.set_xticks(positions, [one_line(layer)[:24] for layer in layers], rotation=12)
        chart.label("layer, from the input on", "test accuracy (%)")
        chart.legend(2)
        return chart.svg("mean class accuracy on the test images over the layers, by classifier")


def _clouds(path: Path) -> dict[str, Any] | None:
    """The features in the plane, by class and by set; None without any."""
    if not path.is_file():
        return None
    arrays, meta = artifacts.load_npz(path, _POINTS)
    placed, labels, sets = plottable(arrays["points"]), arrays["labels"], arrays["sets"]
    names, classes = meta["sets"], meta["classes"]
    shown = [number for number in range(len(names)) if (sets == number).any()]
    with Chart("by-class", 4.7, 4.2) as chart:
        for label in np.unique(labels[labels >= 0]):
            own = labels == label
            # Of many classes the same colors come again, for as many names there is no room.
            named = one_line(classes[label])[:18] if len(classes) <= _CLASSES and label < len(classes) else None
            color, marker = PALETTE[label % len(PALETTE)], _SETS[label // len(PALETTE) % 2]
            chart.axes.plot(*placed[own].T, marker, color=color, markersize=3, alpha=0.75, linewidth=0, label=named)
        by_class = _bare(chart, f"features of {len(classes)} classes in the plane")
    with Chart("by-set", 4.7, 4.2) as chart:
        for number in shown[::-1]:
            color = (PALETTE[0], PALETTE[1], BASELINE)[number % 3]
            own, marker = sets == number, _SETS[number % 3]
            chart.axes.plot(
                *placed[own].T, marker, color=color, markersize=3, alpha=0.6, linewidth=0, label=one_line(names[number])
            )
        by_set = _bare(chart, "the same features by set")
    return {"by_class": by_class, "by_set": by_set, "layer": meta["layer"], "how": _HOW.get(meta["how"], meta["how"])}


def _bare(chart: Chart, said: str) -> Markup:
    """Without ticks: the axes have no meaning of their own."""
    chart.axes.set_xticks([])
    chart.axes.set_yticks([])
    chart.axes.spines[["left", "bottom"]].set_color(INK)
    chart.legend(4)
    return chart.svg(said)
