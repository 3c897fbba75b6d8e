"""Calibration against hand-computed bins and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.evaluation import evaluate_probabilities, expected_calibration_error, reliability


def test_bins_by_hand():
    # Four bins; a limit belongs to the bin below it: 0.5 lies in (0.25, 0.5].
    table = reliability(np.array([0.5, 0.3, 0.6, 0.7, 1.0]), np.array([True, False, True, False, True]), bins=4)
    assert [(part.low, part.high, part.images) for part in table] == [
        (0.0, 0.25, 0),
        (0.25, 0.5, 2),
        (0.5, 0.75, 2),
        (0.75, 1.0, 1),
    ]
    assert (table[0].confidence, table[0].accuracy) == (None, None)
    assert table[1].confidence == pytest.approx(0.4)
    assert table[2].confidence == pytest.approx(0.65)
    assert [part.accuracy for part in table[1:]] == [0.5, 0.5, 1.0]
    assert expected_calibration_error(table) == pytest.approx(2 / 5 * 0.1 + 2 / 5 * 0.15 + 0)


def test_certain_and_wrong_is_the_worst_there_is():
    assert evaluate_probabilities(np.array([[1.0, 0.0]] * 3), np.array([1, 1, 1]), "ab").calibration_error == 1.0
    assert evaluate_probabilities(np.array([[1.0, 0.0]] * 3), np.array([0, 0, 0]), "ab").calibration_error == 0.0


@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_fifteen_bins_against_a_plain_loop(count, classes, seed):
    rng = np.random.default_rng(seed)
    p, labels = rng.dirichlet(np.full(classes, 0.3), count), rng.integers(0, classes, count)
    metrics = evaluate_probabilities(p, labels, [str(c) for c in range(classes)])
    error = 0.0
    for m in range(1, 16):
        own = [i for i in range(count) if (m - 1) / 15 < p[i].max() <= m / 15]
        if own:
            right = sum(int(p[i].argmax() == labels[i]) for i in own)
            error += abs(right - sum(p[i].max() for i in own)) / count
    assert metrics.calibration_error == pytest.approx(error)
    assert sum(part.images for part in metrics.reliability) == count
    assert sum(part.images * (part.accuracy or 0) for part in metrics.reliability) == pytest.approx(
        metrics.top1 * count
    )
    spread = [-sum(q * np.log(q) for q in row if q > 0) for row in p]
    assert metrics.mean_entropy == pytest.approx(np.mean(spread))
