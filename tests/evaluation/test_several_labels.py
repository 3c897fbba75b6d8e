"""Figures of images with several labels: against scikit-learn where it is there, by hand, and as files."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.evaluation import Metrics, SetFigures, evaluate_answers, report_answers, save_predictions

NAMES = ["a", "b", "c"]


def test_by_hand():
    truth = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], bool)
    p = np.array([[0.9, 0.2, 0.1], [0.4, 0.8, 0.6], [0.6, 0.1, 0.1], [0.3, 0.7, 0.2]])
    figures = evaluate_answers(p, truth, NAMES)
    # a: 2 images, answered for 0 and 2, one hit. b: 2 images, both. c: none, answered once.
    assert figures.micro_f1 == pytest.approx(2 * 3 / (4 + 5))
    assert figures.macro_f1 == pytest.approx((0.5 + 1 + 0) / 3)
    assert figures.mean_class_accuracy == pytest.approx((0.5 + 1) / 2)
    assert figures.top1 == 1.0  # of the three images with labels
    assert figures.per_class_average_precision[1] == 1.0
    assert figures.per_class_average_precision[0] == pytest.approx((1 + 2 / 3) / 2)
    assert figures.per_class_average_precision[2] is None
    assert figures.mean_average_precision == figures.score == pytest.approx((1 + 5 / 6) / 2)
    assert figures.loss == pytest.approx(-np.log(np.where(truth, p, 1 - p)).mean())
    half = evaluate_answers(np.full((4, 3), 0.5), truth, NAMES)
    assert half.mean_entropy == pytest.approx(1)
    assert half.micro_f1 == 0
    again = Metrics.from_json(figures.to_json())
    assert again.to_json() == figures.to_json()
    assert "confusion" not in figures.to_json()
    assert SetFigures.from_json(figures.headline.to_json()) == figures.headline


def test_as_scikit_learn(rng):
    from sklearn import metrics

    truth, p = rng.random((60, 3)) < 0.4, rng.random((60, 3)).round(2)
    figures = evaluate_answers(p, truth, NAMES)
    assert figures.mean_average_precision == pytest.approx(metrics.average_precision_score(truth, p))
    assert figures.micro_f1 == pytest.approx(metrics.f1_score(truth, p > 0.5, average="micro"))
    assert figures.macro_f1 == pytest.approx(metrics.f1_score(truth, p > 0.5, average="macro"))
    for line, column in zip(report_answers(p, truth, NAMES), range(3), strict=True):
        own, answered = truth[:, column], p[:, column] > 0.5
        assert line.precision == pytest.approx(metrics.precision_score(own, answered))
        assert line.recall == pytest.approx(metrics.recall_score(own, answered))


def test_figures_of_one_label_are_as_they_were():
    figures = evaluate_answers(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0]), ["a", "b"])
    assert not figures.several_labels
    assert figures.score == figures.mean_class_accuracy == 0.5
    assert {"mean_average_precision", "micro_f1", "macro_f1"}.isdisjoint(figures.to_json())
    assert Metrics.from_json(figures.to_json()).confusion.tolist() == [[1, 1], [0, 0]]
    told = figures.to_json()
    del told["confusion"]
    with pytest.raises(InputError, match="`confusion` as a square"):
        Metrics.from_json(told)


def test_predictions_have_the_names_of_all_labels(tmp_path):
    path, truth = tmp_path / "p.csv", np.array([[1, 0, 1], [0, 0, 0]], bool)
    save_predictions(path, ["x", "y"], NAMES, np.array([[0.6, 0.7, 0.1], [0.2, 0.3, 0.1]]), truth)
    with path.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert first == {"id": "x", "predicted": "a|b", "probability": "0.7", "label": "a|c"}
    assert second == {"id": "y", "predicted": "", "probability": "0.3", "label": ""}


@pytest.mark.parametrize("p", [np.full((2, 2), np.nan), np.zeros((3, 2)), np.full((2, 2), 1.5)])
def test_what_cannot_be_judged_is_refused(p):
    with pytest.raises(InputError, match="probabilities"):
        evaluate_answers(p, np.zeros((2, 2), bool), ["a", "b"])
