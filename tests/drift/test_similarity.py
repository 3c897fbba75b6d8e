"""Linear CKA, cosine and distance of weights against the formulas in float64."""

import math

import numpy as np
import pytest

from sjft_tf.drift import Movement, Similarity, movement


def cka(x, y):
    """By the Gram matrices of the images, the other way of writing it (Kornblith et al. 2019, equation 4)."""
    x, y = (one - one.mean(axis=0) for one in (x, y))
    k, h = x @ x.T, y @ y.T
    return (k * h).sum() / np.sqrt((k * k).sum() * (h * h).sum())


def similarity(x, y, block=7):
    result = Similarity(x.shape[1])
    for start in range(0, len(x), block):
        result.update(x[start : start + block], y[start : start + block])
    return result


def test_cka_is_that_of_all_images_at_once(rng):
    x = rng.normal(size=(60, 5)).astype(np.float32) + 1000
    y = (x @ rng.normal(size=(5, 5)) + rng.normal(size=(60, 5))).astype(np.float32)
    wanted = cka(x.astype(np.float64), y.astype(np.float64))
    assert similarity(x, y).cka == pytest.approx(wanted, rel=1e-6)
    assert similarity(x, y, 60).cka == pytest.approx(wanted, rel=1e-6)
    assert 0.1 < wanted < 0.95


def test_turned_and_scaled_is_the_same_but_for_the_cosine(rng):
    x = rng.normal(size=(40, 6))
    turned, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    found = similarity(x, 3 * x @ turned + 2)
    assert found.cka == pytest.approx(1)
    assert abs(found.cosine) < 0.9
    assert similarity(x, 3 * x).cosine == pytest.approx(1)


def test_features_that_share_nothing_have_none(rng):
    x, y = rng.normal(size=(4000, 3)), rng.normal(size=(4000, 3))
    assert similarity(x, y, 500).cka < 0.01


def test_the_cosine_is_the_mean_over_images(rng):
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
    x[3] = 0
    each = [a @ b / np.sqrt((a @ a) * (b @ b)) if a.any() else 0 for a, b in zip(x, y, strict=True)]
    assert similarity(x, y).cosine == pytest.approx(np.mean(each))


def test_what_does_not_vary_has_no_cka(rng):
    constant = np.full((9, 3), 0.1)
    assert math.isnan(similarity(constant, rng.normal(size=(9, 3)), 4).cka)
    assert math.isnan(Similarity(3).cka)
    assert math.isnan(Similarity(3).cosine)
    with pytest.raises(ValueError, match=r"must be \[n, 3\]"):
        Similarity(3).update(np.ones((2, 3)), np.ones((2, 2)))


def test_movement_is_that_of_one_long_vector(rng):
    start = [rng.normal(size=(3, 3, 2, 4)).astype(np.float32), rng.normal(size=(5, 2)).astype(np.float32)]
    end = [one + rng.normal(size=one.shape).astype(np.float32) for one in start]
    a, b = (np.concatenate([one.ravel() for one in each]).astype(np.float64) for each in (start, end))
    found = movement(start, end)
    assert found.distance == pytest.approx(np.linalg.norm(b - a) / np.linalg.norm(a))
    assert found.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert movement(start, start) == pytest.approx(Movement(0, 1))
    assert math.isnan(movement([np.zeros(2)], [np.ones(2)]).distance)
    with pytest.raises(ValueError, match="same shapes"):
        movement(start, end[:1])
