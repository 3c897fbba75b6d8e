"""ROC and precision-recall curves of the classes of a run, where they are few."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import read_rows, unescape
from sjft_tf.evaluation import PROBABILITIES, Ranking, rankings
from sjft_tf.report.reading import RecordedRun
from sjft_tf.report.schema import need
from sjft_tf.report.svg import BASELINE, PALETTE, Chart
from sjft_tf.training import round_folder
from sjft_tf.words import one_line
from sjft_tf.workdir import RoundFiles

MOST = 10
"""Classes, more of which would be a tangle."""


def ranking_charts(run: RecordedRun, name: str) -> list[Markup]:
    """Both charts of the test images by the round that counts; none without them, or with more than `MOST` classes.

    Raises:
        InputError: predictions, probabilities and figures are not of the same images.
    """
    if run.judge != "test" or run.figures[run.counting]["test"].several_labels:
        return []
    if len(run.figures[run.counting]["test"].class_names) > MOST:
        return []
    path = round_folder(run.workdir.rounds, run.counting) / RoundFiles.probabilities("test")
    if not path.is_file() or not run.workdir.predictions.is_file():
        return []
    outputs.check(run.workdir.predictions, "")
    metrics, lines = run.figures[run.counting]["test"], read_rows(run.workdir.predictions, ("label",))
    # Names are looked for as they are read as well: written by --raw_csv, a quote before some is their own.
    number = {as_read(one): i for as_read in (unescape, str) for i, one in enumerate(metrics.class_names)}
    labels = np.array([number.get(line["label"], -1) for line in lines])
    probabilities = artifacts.load_npz(path, PROBABILITIES)[0]["probabilities"]
    images = metrics.confusion.sum(axis=1)
    fits = probabilities.shape == (len(labels), len(images)) and labels.min(initial=0) >= 0
    need(
        fits and (np.bincount(labels, minlength=len(images)) == images).all(),
        "the images of the figures in predictions and probabilities",
    )
    ranked = zip(metrics.class_names, rankings(probabilities, labels), strict=True)
    shown = [(class_name, ranking) for class_name, ranking in ranked if ranking.roc_auc is not None]
    return [_roc(shown, name), _precision_recall(shown, name)] if shown else []


def _roc(shown: list[tuple[str, Ranking]], name: str) -> Markup:
    with Chart(f"{name}-roc", height=3.4) as chart:
        chart.axes.plot([0, 1], [0, 1], color=BASELINE, linewidth=0.8, linestyle=(0, (3, 3)))
        for place, (class_name, (hits, false_alarms)) in enumerate(shown):
            shares = [np.append(0, counts) / counts[-1] for counts in (false_alarms, hits)]
            chart.axes.plot(*shares, label=one_line(class_name), **_line(place))
        chart.label("false positive rate", "true positive rate")
        chart.legend()
        return chart.svg(f"ROC curves of {len(shown)} classes")


def _precision_recall(shown: list[tuple[str, Ranking]], name: str) -> Markup:
    with Chart(f"{name}-precision-recall", height=3.4) as chart:
        for place, (class_name, (hits, false_alarms)) in enumerate(shown):
            recall, precision = np.append(0, hits) / hits[-1], hits / (hits + false_alarms)
            # Steps to the left: the area below is the average precision.
            steps = np.append(precision[:1], precision)
            chart.axes.plot(recall, steps, drawstyle="steps-pre", label=one_line(class_name), **_line(place))
        chart.axes.set_ylim(0, 1.03)
        chart.label("recall", "precision")
        chart.legend()
        return chart.svg(f"precision-recall curves of {len(shown)} classes")


def _line(place: int) -> dict[str, Any]:
    return {"color": PALETTE[place % len(PALETTE)], "linestyle": "-" if place < len(PALETTE) else "--"}
