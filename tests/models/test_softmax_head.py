"""The softmax head against the minimum in float64, its choice of L2, and what it says of other images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.errors import InputError
from sjft_tf.models import Scaling, SoftmaxHead, fit_by_folds, fit_softmax_head, softmax_head, spread_rows


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    monkeypatch.setattr(softmax_head, "TOLERANCE", 1e-7)


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
    monkeypatch.setattr(softmax_head, "STRENGTHS", (0.1,))
    monkeypatch.setattr(softmax_head, "_ROWS", rows)
    head = fit_softmax_head(features, labels, 3, Scaling(features.mean(axis=0), 0.5))
    train = ~softmax_head.held_out_rows(labels, 3)
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
    chosen = fit_softmax_head(features, labels, 3, Scaling(mean, 1.0))
    held = softmax_head.held_out_rows(labels, 3)
    losses = {}
    for l2 in softmax_head.STRENGTHS:
        weights = minimum(features[~held], labels[~held], l2, mean, 1.0)
        logs = log_softmax((features[held] - mean) @ weights[:-1] + weights[-1], axis=1)
        losses[l2] = -logs[np.arange(held.sum()), labels[held]].mean()
    assert chosen.l2 == min(losses, key=losses.get)


def test_a_tenth_of_each_class_is_held_out_and_small_classes_are_not_emptied():
    labels = np.array([0] * 20 + [1] * 10 + [2] * 9 + [3])
    held = softmax_head.held_out_rows(labels, 4)
    assert [int(held[labels == y].sum()) for y in range(4)] == [2, 1, 0, 0]
    small = softmax_head.held_out_rows(np.array([1, 0, 1, 0, 2]), 3)
    assert small.tolist() == [False, False, True, True, False]
    assert not softmax_head.held_out_rows(np.arange(4), 4).any()


def test_without_anybody_to_judge_it_there_is_one_strength(rng):
    features = rng.normal(0, 1, (3, 4)).astype(np.float32)
    head = fit_softmax_head(features, np.arange(3), 3, Scaling(np.zeros(4), 1.0))
    assert (head.l2, head.held_out) == (0.3, 0)
    assert np.isnan(head.accuracy)
    assert head.mean_probability(features).sum() == pytest.approx(1)


def test_features_that_are_no_numbers_are_refused(blobs):
    features, labels = blobs
    features[3] = np.nan
    with pytest.raises(InputError, match="not a number: the trunk's weights have diverged"):
        fit_softmax_head(features, labels, 3, Scaling(np.zeros(5), 1.0))


@pytest.mark.parametrize("wide", [False, True])  # more features than images: solved in their span
def test_by_folds_l2_is_the_best_on_average_and_all_images_train(blobs, rng, monkeypatch, wide):
    features, labels = blobs[0][:60], blobs[1][:60]
    if wide:
        features = np.concatenate([features, rng.normal(0, 1, (60, 70)).astype(np.float32)], axis=1)
    monkeypatch.setattr(softmax_head, "STEPS", 300)
    monkeypatch.setattr(softmax_head, "STRENGTHS", (1.0, 0.1, 0.01))
    scaling = Scaling(np.float64(features.mean(axis=0)), 0.5)
    chosen = fit_by_folds(features, labels, 3, scaling)
    dealt, losses, hits = softmax_head.deal(labels, 3), {}, {}
    for l2 in (1.0, 0.1, 0.01):
        of_folds = []
        for fold in range(5):
            out = dealt == fold
            weights = gradient_minimum(features[~out], labels[~out], l2, scaling)
            logs = log_softmax(scaled(features[out], scaling) @ weights, axis=1)
            of_folds.append((-logs[np.arange(out.sum()), labels[out]].mean(), logs.argmax(axis=1) == labels[out]))
        losses[l2] = np.mean([loss for loss, _ in of_folds])
        hits[l2] = np.concatenate([right for _, right in of_folds]).mean()
    assert chosen.l2 == min(losses, key=losses.get)
    assert chosen.held_out == 60
    assert chosen.accuracy == pytest.approx(hits[chosen.l2], abs=0.04)
    np.testing.assert_allclose(chosen.weights, gradient_minimum(features, labels, chosen.l2, scaling), atol=5e-3)


def scaled(features, scaling):
    return np.concatenate([(np.float64(features) - scaling.mean) * scaling.factor, np.ones((len(features), 1))], axis=1)


def gradient_minimum(features, labels, l2, scaling):
    """As `minimum`, of many weights, by SciPy with the gradient X^T (P - Y) / N + l2 W."""
    inputs, hot = scaled(features, scaling), np.eye(3)[labels]

    def value(flat):
        weights = flat.reshape(inputs.shape[1], 3)
        logs = log_softmax(inputs @ weights, axis=1)
        gradient = inputs.T @ (np.exp(logs) - hot) / len(labels) + l2 * weights
        return -(logs * hot).sum() / len(labels) + 0.5 * l2 * (weights**2).sum(), gradient.ravel()

    best = minimize(value, np.zeros(inputs.shape[1] * 3), jac=True, method="L-BFGS-B", options={"ftol": 1e-13})
    return best.x.reshape(-1, 3)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_folds_take_of_every_class_alike_and_leave_it_images_to_learn_from(labels):
    labels = np.array(labels)
    dealt, counts = softmax_head.deal(labels, 6), np.bincount(labels, minlength=6)
    assert ((dealt < 0) == (counts[labels] == 1)).all()
    several = counts[counts > 1]
    folds = min(5, several.min()) if len(several) else 0
    assert set(dealt[dealt >= 0]) == set(range(folds))
    for y in np.flatnonzero(counts > 1):
        held = np.bincount(dealt[labels == y], minlength=folds)
        assert held.max() - held.min() <= 1
        assert held.max() < counts[y]


def test_one_image_a_class_is_fitted_without_a_judge(rng):
    head = fit_by_folds(rng.normal(0, 1, (3, 8)).astype(np.float32), np.arange(3), 3, Scaling(np.zeros(8), 1.0))
    assert (head.l2, head.held_out) == (0.3, 0)
    assert np.isnan(head.accuracy)
    assert head.summary() == "l2 0.3, none held out"


def test_a_dense_layer_does_the_same_to_unscaled_features(rng):
    features = rng.normal(3, 2, (7, 4)).astype(np.float32)
    head = SoftmaxHead(rng.normal(0, 1, (5, 3)), Scaling(np.arange(4.0), 0.7), 0.1, 0, np.nan)
    kernel, bias = head.dense()
    assert (kernel.dtype, bias.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(
        log_softmax(features @ kernel + bias, axis=1), head.log_probabilities(features), atol=1e-4
    )


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50), st.integers(1, 60))
def test_spread_rows_give_every_class_its_share(labels, most):
    labels = np.array(labels)
    rows = spread_rows(labels, most)
    assert len(rows) == min(most, len(labels))
    assert (np.diff(rows) > 0).all()
    shares = np.bincount(labels, minlength=4) * len(rows) / len(labels)
    assert (np.abs(np.bincount(labels[rows], minlength=4) - shares) < 1 + 1e-9).all()
