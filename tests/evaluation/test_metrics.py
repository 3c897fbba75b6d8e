"""Metrics against hand-computed values, a plain loop oracle, and properties."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.evaluation import confusion_matrix, evaluate_probabilities


def test_confusion_matrix_by_hand():
    matrix = confusion_matrix(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2]), 4)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]


def test_metrics_by_hand():
    p = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.125, 0.75, 0.125], [0.0, 1.0, 0.0]], np.float32)
    m = evaluate_probabilities(p, np.array([0, 0, 0, 1], np.int32), ["cat", "dog", "yak"])
    assert m.count == 4
    assert m.top1 == 0.5
    assert m.per_class_accuracy == (pytest.approx(1 / 3), 1.0, None)
    # Over the two classes that have images; "yak" has none and does not count as 0.
    assert m.mean_class_accuracy == pytest.approx((1 / 3 + 1) / 2)
    assert m.loss == pytest.approx((math.log(2) + math.log(4) + math.log(8) + 0) / 4)
    assert m.confusion.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_json_is_strict_and_complete():
    m = evaluate_probabilities(np.array([[1.0, 0.0]]), np.array([0]), ["a", "b"])
    text, nothing = json.dumps(m.to_json(), allow_nan=False), {"per_class": [None, None], "macro": None}
    assert json.loads(text) == {
        "count": 1,
        "top1": 1.0,
        "mean_class_accuracy": 1.0,
        "loss": 0.0,
        "calibration_error": 0.0,
        "mean_entropy": 0.0,
        "reliability": [{"low": 14 / 15, "high": 1.0, "images": 1, "confidence": 1.0, "accuracy": 1.0}],
        "class_names": ["a", "b"],
        "per_class_accuracy": [1.0, None],
        "confusion": [[1, 0], [0, 0]],
        **{f"{mean}_{figure}": value for figure in ("roc_auc", "average_precision") for mean, value in nothing.items()},
    }
    assert "-0.0" not in text


def test_certain_and_wrong_is_a_finite_loss():
    m = evaluate_probabilities(np.array([[1.0, 0.0]]), np.array([1]), ["a", "b"])
    assert m.loss == pytest.approx(-math.log(np.finfo(np.float64).eps))


def test_ties_go_to_the_first_class():
    assert evaluate_probabilities(np.array([[0.5, 0.5]]), np.array([0]), "ab").top1 == 1.0
    assert evaluate_probabilities(np.array([[0.5, 0.5]]), np.array([1]), "ab").top1 == 0.0


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_against_a_plain_loop(count, classes, seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    labels = rng.integers(0, classes, count, dtype=np.int32)
    m = evaluate_probabilities(p, labels, [str(c) for c in range(classes)])
    recalls, hits, loss = [], 0, 0.0
    for c in range(classes):
        own = [i for i in range(count) if labels[i] == c]
        right = sum(int(max(range(classes), key=lambda k, i=i: p[i, k]) == c) for i in own)
        hits += right
        recalls.append(right / len(own) if own else None)
    for i in range(count):
        loss -= math.log(max(float(p[i, labels[i]]), np.finfo(np.float64).eps)) / count
    present = [r for r in recalls if r is not None]
    assert m.top1 == pytest.approx(hits / count)
    assert m.mean_class_accuracy == pytest.approx(sum(present) / len(present))
    assert m.loss == pytest.approx(loss, rel=1e-9, abs=1e-6)
    assert list(m.per_class_accuracy) == pytest.approx(recalls)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60))
def test_confusion_counts_every_image_once(pairs):
    labels = np.array([a for a, _ in pairs], np.int32)
    predictions = np.array([b for _, b in pairs], np.int32)
    matrix = confusion_matrix(labels, predictions, 5)
    assert matrix.sum() == len(pairs)
    assert matrix.sum(axis=1).tolist() == [int((labels == c).sum()) for c in range(5)]
    assert (confusion_matrix(predictions, labels, 5) == matrix.T).all()


@pytest.mark.parametrize(
    ("labels", "predictions", "classes", "message"),
    [
        ([0], [0], 0, "num_classes=0"),
        ([0, 1], [0], 2, "2 labels, 1 predictions"),
        ([-1], [0], 2, "-1 to -1"),
        ([0], [2], 2, "`predictions` must lie in 0..1"),
        ([0.5], [0], 2, "float64"),
        ([[0]], [0], 2, r"\(1, 1\)"),
    ],
)
def test_confusion_matrix_refuses(labels, predictions, classes, message):
    with pytest.raises(InputError, match=message):
        confusion_matrix(np.array(labels), np.array(predictions), classes)


@pytest.mark.parametrize(
    ("p", "labels", "names", "message"),
    [
        (np.zeros((0, 2)), [], "ab", r"\(0, 2\)"),
        (np.zeros(3), [0, 0, 0], "a", r"\[N, C\]"),
        ([[0.5, 0.5]], [0], "abc", "3 names"),
        ([[0.5, 0.5]], [0, 1], "ab", "Received: 2"),
        ([[0.5, 0.5]], [2], "ab", "`labels` must lie in 0..1"),
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 0], "ab", "image 1"),
        ([[-0.5, 1.5]], [0], "ab", "image 0"),
    ],
)
def test_evaluate_probabilities_refuses(p, labels, names, message):
    with pytest.raises(InputError, match=message):
        evaluate_probabilities(np.asarray(p), np.asarray(labels, np.int64), names)
