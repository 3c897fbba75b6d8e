"""LEEP, LogME and H-score against oracles written from the papers, in float64."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.probing import h_score, leep, logme


@pytest.fixture
def examples(rng):
    labels = np.arange(40) % 3
    return rng.normal(size=(40, 6)) + 2 * np.eye(3, 6)[labels], labels


def test_leep_is_the_mean_log_of_the_expected_prediction(rng):
    theta, y = rng.dirichlet(np.ones(4), 30), np.arange(30) % 3
    total = 0.0
    for i in range(30):
        inner = 0.0
        for z in range(4):
            joint = sum(theta[j, z] for j in range(30) if y[j] == y[i]) / 30
            inner += joint / (sum(theta[j, z] for j in range(30)) / 30) * theta[i, z]
        total += np.log(inner)
    assert np.isclose(leep(theta, y), total / 30)
    assert np.isclose(leep(np.eye(3)[y], y), 0)  # the network's classes are the target's


def test_logme_is_the_largest_evidence(examples):
    """The evidence of each class as a Gaussian density of its labels, maximized on a fine grid of alpha and beta."""
    x, y = examples
    found = []
    for label in range(3):
        t = (y == label).astype(float)
        best = -np.inf
        for alpha in np.exp(np.linspace(-4, 10, 141)):
            gram = x @ x.T / alpha
            values, vectors = np.linalg.eigh(gram)
            along = np.square(vectors.T @ t)
            for beta in np.exp(np.linspace(-1, 6, 141)):
                variances = np.maximum(values, 0) + 1 / beta
                best = max(best, -0.5 * (np.log(2 * np.pi * variances) + along / variances).sum())
        found.append(best / len(y))
    assert np.isclose(logme(x, y), np.mean(found), atol=2e-4)


def test_logme_of_more_features_than_images(examples, rng):
    x, y = examples
    wide = np.concatenate([x, np.zeros((40, 60))], axis=1)
    assert np.isclose(logme(wide, y), logme(x, y), atol=1e-6)  # features that say nothing change nothing


def test_h_score_is_the_trace_of_two_covariances(examples):
    x, y = examples
    g = x - x.mean(axis=0)
    conditional = np.stack([g[y == label].mean(axis=0) for label in y])
    expected = np.trace(np.linalg.inv(g.T @ g / 40) @ (conditional.T @ conditional / 40))
    assert np.isclose(h_score(x, y), expected)
    assert 0 < h_score(x, y, shrinkage=True) < expected
    assert h_score(x, np.random.default_rng(0).permutation(y)) < expected


def test_shapes_that_do_not_fit_are_refused():
    for score in (leep, logme, h_score):
        with pytest.raises(InputError, match="Expected a row of numbers and a label"):
            score(np.ones((3, 2)), np.arange(2))
