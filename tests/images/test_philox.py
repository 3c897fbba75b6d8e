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
    numbers = philox.uniforms(tf.constant(seeds, tf.int64))
    wanted = [tf.random.stateless_uniform([4], tf.constant(seed, tf.int64)) for seed in seeds]
    assert numbers.dtype == tf.float32
    np.testing.assert_array_equal(numbers, wanted)


@given(st.lists(st.tuples(words, words, st.integers(1, 2**63 - 1)), min_size=1, max_size=5))
def test_integers_are_tensorflows(drawn):
    seeds, below = [[a, b] for a, b, _ in drawn], [n for _, _, n in drawn]
    numbers = philox.integers(tf.constant(seeds, tf.int64), tf.constant(below, tf.int64))
    wanted = [
        tf.random.stateless_uniform([], tf.constant(seed, tf.int64), 0, tf.constant(n, tf.int64), tf.int64)
        for seed, n in zip(seeds, below, strict=True)
    ]
    assert numbers.dtype == tf.int64
    np.testing.assert_array_equal(numbers, wanted)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_any_number_of_seeds(shape):
    seeds = np.random.default_rng(0).integers(0, 2**40, (*shape, 2))
    numbers = philox.uniforms(tf.constant(seeds))
    assert numbers.shape == (*shape, 4)
    for index in np.ndindex(shape):
        np.testing.assert_array_equal(numbers[index], tf.random.stateless_uniform([4], seeds[index]))


@given(st.integers(1, 200), words, words)
def test_permutations_are_sorted_by_tensorflows_numbers(count, first, second):
    def long(*seed):
        seeds = tf.constant(np.array(seed, np.uint64).astype(np.int64))
        low, high = tf.random.stateless_uniform([2], seeds, None, None, tf.uint32).numpy().tolist()
        return high << 32 | low

    order = philox.permutation(count, (first, second))
    assert sorted(order.tolist()) == list(range(count))
    key = long(first, second)
    drawn = [long(key, int(i)) for i in order[:5]]
    assert drawn == sorted(drawn)


def test_every_permutation_is_as_likely():
    orders, counts = np.unique([philox.permutation(3, (0, n)) for n in range(1200)], axis=0, return_counts=True)
    assert len(orders) == 6
    assert abs(counts - 200).max() < 5 * np.sqrt(200)
