"""Balanced class weights: the formula N / (C n_c) written out, and every place where they enter a loss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.models import (
    Scaling,
    balanced_weights,
    fit_by_folds,
    fit_softmax_head,
    head_sums,
    softmax_head,
)
from sjft_tf.models.losses import soft_loss_sum


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_every_class_has_the_same_share_and_the_mean_is_one(labels):
    labels = np.array(labels)
    weights = balanced_weights(labels, 8)
    present = sorted(set(labels.tolist()))
    for label in range(8):
        count = labels.tolist().count(label)
        wanted = len(labels) / (len(present) * count) if count else 0.0
        assert weights[label] == pytest.approx(wanted)
    assert weights[labels].mean() == pytest.approx(1)
    assert [weights[labels][labels == c].sum() for c in present] == pytest.approx(
        [len(labels) / len(present)] * len(present)
    )


def test_they_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 3], [80, 2, 7])
    wanted = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    np.testing.assert_allclose(balanced_weights(labels, 4)[[0, 1, 3]], wanted, rtol=1e-12)


def log_p(logits):
    return log_softmax(np.asarray(logits, np.float64), axis=1)


@given(st.lists(st.integers(-1, 2), min_size=1, max_size=10), st.integers(0, 99), st.sampled_from([0.0, 0.1]))
def test_rows_count_by_the_weight_of_their_label(labels, seed, smoothing):
    labels, rng = np.array(labels, np.int32), np.random.default_rng(seed)
    logits = rng.normal(0, 2, (len(labels), 3)).astype(np.float32)
    weights = rng.uniform(0, 5, 3).astype(np.float32)
    rows = np.flatnonzero(labels >= 0)
    own, logs = weights[labels[rows]], log_p(logits)[rows]
    wanted = (1 - smoothing) * np.eye(3)[labels[rows]] + smoothing / 3
    sums = head_sums(labels, logits, smoothing, weights)
    assert float(sums.loss) == pytest.approx(-(own * (wanted * logs).sum(axis=1)).sum(), rel=1e-4, abs=1e-5)
    assert float(sums.hits) == (logits.argmax(axis=1) == labels).sum()
    taught = rng.dirichlet(np.ones(3), 3).astype(np.float32)
    soft = -(own * (taught[labels[rows]] * logs).sum(axis=1)).sum()
    assert float(soft_loss_sum(labels, logits, taught, weights)) == pytest.approx(soft, rel=1e-4, abs=1e-5)


def minimum(inputs, labels, weights, l2):
    """Of the mean of weight times cross entropy + l2/2 ||W||^2, bias included, in float64."""
    inputs, hot = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1), np.eye(2)[labels]
    own = weights[labels][:, None]

    def value(flat):
        w = flat.reshape(-1, 2)
        logs = log_softmax(inputs @ w, axis=1)
        gradient = inputs.T @ (own * (np.exp(logs) - hot)) / len(labels) + l2 * w
        return -(own * logs * hot).sum() / len(labels) + l2 / 2 * (w**2).sum(), gradient.ravel()

    return minimize(value, np.zeros(inputs.shape[1] * 2), jac=True, options={"gtol": 1e-9}).x.reshape(-1, 2)


@pytest.mark.parametrize("by_folds", [False, True])
def test_a_fitted_head_is_at_the_weighted_minimum_and_right_on_the_rare_class(by_folds, rng, monkeypatch):
    monkeypatch.setattr(softmax_head, "TOLERANCE", 1e-9)
    monkeypatch.setattr(softmax_head, "STEPS", 300)
    monkeypatch.setattr(softmax_head, "STRENGTHS", (0.3,))
    labels = np.repeat([0, 1], [80, 2])
    features = (rng.normal(0, 1, (82, 3)) + 1.5 * labels[:, None]).astype(np.float32)
    weights, scaling = balanced_weights(labels, 2), Scaling(np.zeros(3), 1.0)
    fit = fit_by_folds if by_folds else fit_softmax_head
    head = fit(features, labels, 2, scaling, weights)
    train = np.full(82, True) if by_folds else ~softmax_head.held_out_rows(labels, 2)
    np.testing.assert_allclose(head.weights, minimum(features[train], labels[train], weights, 0.3), atol=2e-3)
    plain = fit(features, labels, 2, scaling)

    def recall(fitted):
        return (fitted.log_probabilities(features)[labels == 1].argmax(axis=1) == 1).mean()

    assert (recall(plain), recall(head)) == (0, 1)


def test_held_out_images_judge_by_their_weight(rng, monkeypatch):
    monkeypatch.setattr(softmax_head, "TOLERANCE", 1e-9)
    labels = np.repeat([0, 1], [40, 8])
    features = rng.normal(0, 1, (48, 3)).astype(np.float32)
    weights = balanced_weights(labels, 2)
    held = np.arange(48) % 4 == 3
    fold = softmax_head._Fold(features, labels, held, weights, Scaling(np.zeros(3), 1.0))
    loss, _ = fold.judge(fold.fit(0.1))
    w = minimum(features[~held], labels[~held], weights, 0.1)
    logs = log_softmax(features[held] @ w[:-1] + w[-1], axis=1)[np.arange(held.sum()), labels[held]]
    assert loss == pytest.approx(-(weights[labels[held]] * logs).sum(), rel=1e-3)
