"""The pictures of a run's page: what was borrowed for whom, what is drawn most, what is still hard."""

from __future__ import annotations

from typing import Any

import numpy as np

from sjft_tf.report.pictures import Pictures
from sjft_tf.report.reading import RecordedRun
from sjft_tf.summaries.hardest import hardest

_LINES = 8  # target images in the montage
_BESIDE = 7  # neighbors beside each
_DRAWN = 12  # most drawn source images
_HARDEST = 12
_FEW = 4  # neighbors beside a hard image


def borrowed_images(run: RecordedRun, pictures: Pictures) -> dict[str, Any] | None:
    """Target images of different classes beside their nearest source images; the source images drawn most.

    Lists with `uri` None are shown as words. None where nothing is borrowed.
    """
    if not run.borrows:
        return None
    lines: list[dict[str, Any]] = []
    if pictures.target is not None and run.neighbors is not None:
        _, firsts = np.unique(pictures.target.labels, return_index=True)
        chosen = firsts[np.linspace(0, len(firsts) - 1, min(_LINES, len(firsts))).astype(int)]
        lines = [target_line(run, pictures, int(row), _BESIDE) for row in chosen]
    last = run.scorings[-1]
    drawn: list[dict[str, Any]] = []
    if last is not None and "drawn_rows" in last and pictures.source is not None:
        for row, share in zip(last["drawn_rows"][:_DRAWN], last["drawn_share"][:_DRAWN], strict=True):
            drawn.append({**_source(pictures, int(row)), "share": float(share)})
    return {"lines": lines, "drawn": drawn, "selector": run.config["selection"]["selector"]}


def hardest_images(run: RecordedRun, pictures: Pictures) -> list[dict[str, Any]] | None:
    """The target images the model finds hardest at the end, surest mistakes first; None if that was not recorded."""
    last, names = run.scorings[-1], run.classes.get("target", [])
    if last is None:
        return None
    lines = []
    for row in map(int, hardest(last["wrong"], last["entropy"], _HARDEST)):
        lines.append(
            {
                **target_line(run, pictures, row, _FEW),
                "label": _name(names, int(last["labels"][row])),
                "predicted": _name(names, int(last["predicted"][row])),
                "wrong": bool(last["wrong"][row]),
                "entropy": float(last["entropy"][row]),
                "k": int(last["counts"][row]) if "counts" in last else None,
            }
        )
    return lines


def target_line(run: RecordedRun, pictures: Pictures, row: int, beside: int) -> dict[str, Any]:
    """A target image with its nearest source images."""
    near: list[dict[str, Any]] = []
    if run.neighbors is not None and run.borrows and pictures.source is not None:
        nearest = zip(run.neighbors.rows[row, :beside], run.neighbors.distances[row, :beside], strict=True)
        near = [{**_source(pictures, int(other)), "distance": float(distance)} for other, distance in nearest]
    label = ""
    if pictures.target is not None:
        label = str(pictures.target.class_names[int(pictures.target.labels[row])])
    return {"id": pictures.target_id(row), "uri": pictures.target_uri(row), "label": label, "neighbors": near}


def _source(pictures: Pictures, row: int) -> dict[str, Any]:
    return {
        "uri": pictures.source_uri(row),
        "class": pictures.source_class(row),
        "id": str(pictures.source.ids[row]) if pictures.source is not None else f"row {row}",
    }


def _name(names: list[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)
