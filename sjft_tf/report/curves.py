"""The curves of a training, read back from its TensorBoard files: those are cut where a run was taken up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

Curve = tuple[np.ndarray, np.ndarray]
"""Steps int64 [n], ascending, and values float64 [n]."""

TAGS = ("loss/target", "loss/source", "loss/total", "accuracy/target", "accuracy/source", "learning_rate")


def training_curves(logs: Path) -> dict[str, Curve]:
    """The curves of `TAGS` that are there.

    Args:
        logs: the folder with the event files, which `summaries.RoundSummaries` leaves without repeated steps.
    """
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    points_of: dict[str, dict[int, float]] = {}
    for path in sorted(logs.glob("*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag in TAGS and value.HasField("tensor"):
                    points_of.setdefault(value.tag, {})[event.step] = float(tensor_util.make_ndarray(value.tensor))
    return {tag: _sorted(points) for tag, points in points_of.items()}


def _sorted(points: dict[int, float]) -> Curve:
    steps = sorted(points)
    return np.array(steps), np.array([points[step] for step in steps])
