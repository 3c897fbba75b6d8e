"""The figures of every class, by hand."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from sjft_tf.evaluation import class_report, save_report, weakest

NAMES = ["cat", "dog", "yak", "emu"]
P = np.array(
    [
        [1.0, 0.0, 0.0, 0.0],
        [0.5, 0.5, 0.0, 0.0],
        [0.25, 0.75, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.7, 0.1, 0.1, 0.1],
        [0.0, 0.0, 1.0, 0.0],
    ]
)
LABELS = np.array([0, 0, 0, 1, 2, 2])


def test_by_hand():
    cat, dog, yak, emu = class_report(P, LABELS, NAMES)
    assert (cat.images, cat.recall, cat.precision) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert cat.f1 == pytest.approx(2 / 3)
    assert (cat.confused_with, cat.confused) == ("dog", 1)
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert cat.mean_entropy == pytest.approx((0 + math.log(2) + quarter) / 3)
    assert (dog.images, dog.recall, dog.precision, dog.f1) == (1, 1.0, 0.5, pytest.approx(2 / 3))
    assert (dog.confused_with, dog.confused, dog.mean_entropy) == ("", 0, 0.0)
    # Of the 3 x 3 pairs of a cat and another 7 are in order; the precisions at the three cats are 1/1, 2/3 and 3/4.
    assert (cat.roc_auc, cat.average_precision) == (pytest.approx(7 / 9), pytest.approx((1 + 2 / 3 + 3 / 4) / 3))
    assert (emu.roc_auc, emu.average_precision) == (None, None)
    assert (yak.recall, yak.precision, yak.confused_with) == (0.5, 1.0, "cat")
    assert (emu.images, emu.recall, emu.precision, emu.f1, emu.mean_entropy) == (0, None, None, None, None)


def test_as_csv_and_in_words(tmp_path):
    report = class_report(P, LABELS, NAMES)
    save_report(tmp_path / "report.csv", report)
    with open(tmp_path / "report.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["class"] for row in rows] == ["yak", "cat", "dog", "emu"]
    assert rows[0]["f1"] == "0.666667"
    assert rows[3] == {
        **dict.fromkeys(("recall", "precision", "f1", "mean_entropy", "confused_with"), ""),
        **dict.fromkeys(("roc_auc", "average_precision"), ""),
        **{"class": "emu", "images": "0", "confused": "0"},
    }
    assert weakest(report) == "yak 50% of 2 (taken for cat), cat 67% of 3 (taken for dog)"
    assert weakest(report, 1).startswith("yak")
    assert weakest(class_report(P[:1], LABELS[:1], NAMES)) == ""


def test_agrees_with_recall_by_definition(rng):
    p, labels = rng.dirichlet(np.ones(5), 200), rng.integers(0, 5, 200)
    predicted = p.argmax(1)
    for c, line in enumerate(class_report(p, labels, "abcde")):
        hits = ((predicted == c) & (labels == c)).sum()
        assert line.recall == pytest.approx(hits / (labels == c).sum())
        assert line.precision == pytest.approx(hits / (predicted == c).sum())
        assert line.f1 == pytest.approx(2 * line.recall * line.precision / (line.recall + line.precision))
        others = [((labels == c) & (predicted == k)).sum() if k != c else -1 for k in range(5)]
        assert (line.confused_with, line.confused) == ("abcde"[int(np.argmax(others))], max(others))
