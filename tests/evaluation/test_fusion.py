"""Model fusion: an average with equal weights."""

from __future__ import annotations

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.evaluation import aligned, average_probabilities


def test_average_by_hand():
    a = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    b = np.array([[0.0, 1.0], [0.25, 0.75]], np.float32)
    fused = average_probabilities([a, b])
    assert fused.dtype == np.float32
    assert fused.tolist() == [[0.5, 0.5], [0.375, 0.625]]


def test_one_model_is_itself_and_order_does_not_matter(rng):
    models = [rng.dirichlet(np.ones(7), 9).astype(np.float32) for _ in range(5)]
    np.testing.assert_array_equal(average_probabilities(models[:1]), models[0])
    np.testing.assert_array_equal(average_probabilities(models), average_probabilities(models[::-1]))
    np.testing.assert_allclose(average_probabilities(models).sum(axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "Received: none"),
        ([np.zeros((2, 3)), np.zeros((3, 2))], r"\(2, 3\), \(3, 2\)"),
        ([np.zeros((1, 3)), np.zeros((2, 3))], "same images"),
        ([np.zeros(3)], r"\(3,\)"),
    ],
)
def test_refuses(models, message):
    with pytest.raises(InputError, match=message):
        average_probabilities(models)


def test_columns_are_matched_by_name():
    p = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    assert aligned(p, ["b", "a", "c"], ["a", "b", "c"]).tolist() == [[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]]
    with pytest.raises(InputError, match=r"The run in x was trained for other classes: 1 are missing \(e.g. \['d'\]\)"):
        aligned(p, ["b", "a", "c"], ["a", "b", "d"], "The run in x")
