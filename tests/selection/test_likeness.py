"""Likeness of gradients by the formula, image by image, and the pool of the largest weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.selection import ImageWeights, gradient_likeness, pool_of_image_weights


@given(st.integers(0, 10_000), st.integers(1, 3))
def test_weights_by_the_formula(seed, moments):
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.1, 1, moments)
    labels = np.array([0, 1, 1, 2, 2, 2])
    ours = rng.normal(size=(moments, 6, 4)).astype(np.float32)
    theirs = rng.normal(size=(moments, 5, 4)).astype(np.float32)
    weights = gradient_likeness(
        list(theirs), [np.stack([one[labels == c].mean(axis=0) for c in range(3)]) for one in ours], list(rates)
    )
    assert (weights.weight.dtype, weights.target_class.dtype) == (np.float64, np.int32)
    for z in range(5):
        of_class = [
            sum(
                rates[i] * np.mean([np.dot(np.float64(theirs[i, z]), ours[i, j]) for j in range(6) if labels[j] == c])
                for i in range(moments)
            )
            for c in range(3)
        ]
        np.testing.assert_allclose(weights.weight[z], max(of_class), rtol=1e-4, atol=1e-6)
        assert weights.target_class[z] == np.argmax(of_class)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.integers(1, 25))
def test_the_pool_has_the_largest_each_once(values, size):
    weights = ImageWeights(np.array(values, np.float64), np.zeros(len(values), np.int32))
    pool = pool_of_image_weights(weights, size)
    best = sorted(range(len(values)), key=lambda row: (-values[row], row))[:size]  # of equal ones the first
    assert pool.dtype == np.int32
    assert pool.tolist() == sorted(best)
