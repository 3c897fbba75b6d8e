"""Histograms: exactly the counts of np.searchsorted on float64, for any edges."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sjft_tf.descriptors import BinEdges, histograms
from sjft_tf.descriptors.counting import BinCounter

TINY = np.finfo(np.float32).tiny


def oracle_counts(values, edges):
    """int [N, C, bins] of values [N, P, C], compared in float64."""
    bins = edges.shape[1] + 1
    counts = np.zeros((len(values), edges.shape[0], bins), int)
    for n, c in np.ndindex(len(values), edges.shape[0]):
        found = np.searchsorted(edges[c].astype(np.float64), values[n, :, c].astype(np.float64), side="right")
        counts[n, c] = np.bincount(found, minlength=bins)
    return counts


def edges_of(*layers):
    return BinEdges(layers, tuple(layer[:, 0] for layer in layers), tuple(layer[:, -1] for layer in layers))


def test_counts_by_hand():
    edges = np.float32([[0, 1, 1, 2]])
    values = np.float32([-5, 0, 0.5, 1, 1.5, 2, 99, -0.0]).reshape(1, -1, 1)
    # below 0 | 0..1 | between equal edges | 1..2 | from 2 up; a value equal to an edge goes up
    assert BinCounter(edges)(tf.constant(values)).numpy().tolist() == [[[1, 3, 0, 2, 2]]]


def test_histogram_by_hand():
    first, second = np.float32([[0.0], [10.0]]), np.float32([[1.0]])
    responses = [tf.constant([[[[-1.0, 20.0], [1.0, 30.0]]]]), tf.constant([[[[0.0]], [[1.0]], [[2.0]], [[3.0]]]])]
    found = histograms(responses, edges_of(first, second))
    assert found.dtype == tf.float32
    assert found.numpy().tolist() == [[0.5, 0.5, 0, 1, 0.25, 0.75]]


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "few values", "all equal", "nearly equal", "far apart"])
def test_exact_for_difficult_edges(rng, kind):
    edges = {
        "normal": lambda: rng.normal(size=(5, 99)),
        "heavy tails": lambda: rng.standard_cauchy((5, 99)) ** 3,
        "few values": lambda: rng.integers(-2, 3, (5, 99)),
        "all equal": lambda: np.full((5, 99), 0.3),
        "nearly equal": lambda: 1 + rng.integers(0, 4, (5, 99)) * 2**-23,
        "far apart": lambda: rng.choice([-3e38, -1, 0, 1, 3e38], (5, 99)),
    }[kind]()
    edges = np.sort(edges.astype(np.float32), axis=1)
    near = [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))]
    values = np.concatenate([*near, rng.normal(size=(5, 103)).astype(np.float32)], axis=1)
    values = np.where(np.abs(values) < TINY, 0, values).astype(np.float32)
    values = np.stack([values.T, -values.T])
    found = BinCounter(edges)(tf.constant(values)).numpy()
    np.testing.assert_array_equal(found, oracle_counts(values, edges))


# Subnormals count as zero in TensorFlow's kernels, and 0.5 % of their neighbors' range is not what is tested here.
numbers = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


@given(hnp.arrays(np.float32, (2, 7), elements=numbers), hnp.arrays(np.float32, (2, 3, 2), elements=numbers))
def test_exact_for_any_edges(edges, values):
    edges = np.sort(edges, axis=1)
    values = np.concatenate([values, np.broadcast_to(edges.T, (2, 7, 2))], axis=1)
    # One channel count and one number of values: the compiled function is shared, only its tables differ.
    counter = BinCounter(edges)
    found = tf.math.bincount(
        tf.reshape(counter.bins_of(tf.constant(values)), [2, -1]), minlength=16, maxlength=16, axis=-1
    )
    np.testing.assert_array_equal(found.numpy().reshape(2, 2, 8), oracle_counts(values, edges))


def test_total_is_the_sum_over_lines(rng):
    values = tf.constant(rng.normal(size=(3, 50, 4)), tf.float32)
    counter = BinCounter(np.sort(rng.normal(size=(4, 9)), axis=1).astype(np.float32))
    np.testing.assert_array_equal(counter.total(values), tf.reduce_sum(counter(values), axis=0))


def test_same_in_a_graph_and_in_tf_data(rng):
    edges = edges_of(np.sort(rng.normal(size=(4, 9)), axis=1).astype(np.float32))
    responses = tf.constant(rng.normal(size=(6, 5, 5, 4)), tf.float32)
    eager = histograms([responses], edges).numpy()
    np.testing.assert_allclose(eager.reshape(6, 4, 10).sum(axis=2), 1, atol=1e-6)
    np.testing.assert_array_equal(tf.function(lambda r: histograms([r], edges))(responses), eager)
    dataset = tf.data.Dataset.from_tensor_slices(responses).batch(4).map(lambda r: histograms([r], edges))
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), eager)
