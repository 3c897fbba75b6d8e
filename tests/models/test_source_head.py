"""The source head against the minimum in float64, its choice of L2, and what it says of other images."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.errors import InputError
from sjft_tf.models import Scaling, fit_source_head, source_head


@pytest.fixture
def blobs(rng):
    """Features float32 [120, 5] of 3 overlapping classes, in no order."""
    labels = rng.permutation(np.repeat(np.arange(3), [60, 40, 20]))
    return (rng.normal(0, 1, (120, 5)) + 1.2 * np.eye(5)[labels] + 4).astype(np.float32), labels


def minimum(features, labels, l2, mean, factor):
    """Of mean cross entropy + l2/2 ||W||^2, by differences instead of a gradient: no code in common."""
    inputs = np.concatenate([(np.float64(features) - mean) * factor, np.ones((len(features), 1))], axis=1)

    def value(flat):
        weights = flat.reshape(inputs.shape[1], -1)
        logs = log_softmax(inputs @ weights, axis=1)
        return -logs[np.arange(len(labels)), labels].mean() + 0.5 * l2 * (weights**2).sum()

    minimum = minimize(value, np.zeros(inputs.shape[1] * 3), method="BFGS", options={"gtol": 1e-5})
    return minimum.x.reshape(inputs.shape[1], 3)


@pytest.mark.parametrize("rows", [4096, 7])
def test_it_ends_at_the_minimum_of_the_training_images(blobs, monkeypatch, rows):
    features, labels = blobs
    monkeypatch.setattr(source_head, "STRENGTHS", (0.1,))
    monkeypatch.setattr(source_head, "_ROWS", rows)
    head = fit_source_head(features, labels, 3, Scaling(features.mean(axis=0), 0.5))
    train = ~source_head._held_out(labels, 3)
    expected = minimum(features[train], labels[train], 0.1, features.mean(axis=0), 0.5)
    np.testing.assert_allclose(head.weights, expected, atol=5e-3)
    assert (head.l2, head.held_out) == (0.1, 12)
    logits = (features - features.mean(axis=0)) * 0.5 @ expected[:-1] + expected[-1]
    p = np.exp(log_softmax(logits, axis=1))
    np.testing.assert_allclose(head.mean_probability(features), p.mean(axis=0), atol=1e-3)
    assert head.accuracy == pytest.approx((p.argmax(axis=1) == labels)[~train].mean(), abs=0.1)


def test_l2_is_the_one_with_the_lowest_held_out_loss(blobs, monkeypatch):
    features, labels = blobs
    mean = features.mean(axis=0)
    chosen = fit_source_head(features, labels, 3, Scaling(mean, 1.0))
    held = source_head._held_out(labels, 3)
    losses = {}
    for l2 in source_head.STRENGTHS:
        weights = minimum(features[~held], labels[~held], l2, mean, 1.0)
        logs = log_softmax((features[held] - mean) @ weights[:-1] + weights[-1], axis=1)
        losses[l2] = -logs[np.arange(held.sum()), labels[held]].mean()
    assert chosen.l2 == min(losses, key=losses.get)


def test_a_tenth_of_each_class_is_held_out_and_small_classes_are_not_emptied():
    labels = np.array([0] * 20 + [1] * 10 + [2] * 9 + [3])
    held = source_head._held_out(labels, 4)
    assert [int(held[labels == y].sum()) for y in range(4)] == [2, 1, 0, 0]
    small = source_head._held_out(np.array([1, 0, 1, 0, 2]), 3)
    assert small.tolist() == [False, False, True, True, False]
    assert not source_head._held_out(np.arange(4), 4).any()


def test_without_anybody_to_judge_it_there_is_one_strength(rng):
    features = rng.normal(0, 1, (3, 4)).astype(np.float32)
    head = fit_source_head(features, np.arange(3), 3, Scaling(np.zeros(4), 1.0))
    assert (head.l2, head.held_out) == (0.3, 0)
    assert np.isnan(head.accuracy)
    assert head.mean_probability(features).sum() == pytest.approx(1)


def test_features_that_are_no_numbers_are_refused(blobs):
    features, labels = blobs
    features[3] = np.nan
    with pytest.raises(InputError, match="not a number: the trunk's weights have diverged"):
        fit_source_head(features, labels, 3, Scaling(np.zeros(5), 1.0))
