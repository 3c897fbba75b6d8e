"""Numbers for many seeds at once against TensorFlow's own, a seed at a time."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.images import philox

words = st.integers(0, 2**63 - 1)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_uniforms_are_tensorflows(seeds):
    found = philox.uniforms(tf.constant(seeds, tf.int64))
    wanted = [tf.random.stateless_uniform([4], tf.constant(seed, tf.int64)) for seed in seeds]
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, wanted)


@given(st.lists(st.tuples(words, words, st.integers(1, 2**63 - 1)), min_size=1, max_size=5))
def test_integers_are_tensorflows(drawn):
    seeds, below = [[a, b] for a, b, _ in drawn], [n for _, _, n in drawn]
    found = philox.integers(tf.constant(seeds, tf.int64), tf.constant(below, tf.int64))
    wanted = [
        tf.random.stateless_uniform([], tf.constant(seed, tf.int64), 0, tf.constant(n, tf.int64), tf.int64)
        for seed, n in zip(seeds, below, strict=True)
    ]
    assert found.dtype == tf.int64
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_any_number_of_seeds(shape):
    seeds = np.random.default_rng(0).integers(0, 2**40, (*shape, 2))
    found = philox.uniforms(tf.constant(seeds))
    assert found.shape == (*shape, 4)
    for index in np.ndindex(shape):
        np.testing.assert_array_equal(found[index], tf.random.stateless_uniform([4], seeds[index]))
