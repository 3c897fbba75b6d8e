"""Histograms of responses: the share of positions in each bin."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import BinEdges, histograms, histograms_of


def edges_of(*layers):
    return BinEdges(layers, tuple(layer[:, 0] for layer in layers), tuple(layer[:, -1] for layer in layers))


def test_histogram_by_hand():
    first, second = np.float32([[0.0], [10.0]]), np.float32([[1.0]])
    responses = [tf.constant([[[[-1.0, 20.0], [1.0, 30.0]]]]), tf.constant([[[[0.0]], [[1.0]], [[2.0]], [[3.0]]]])]
    shares = histograms(responses, edges_of(first, second))
    assert shares.dtype == tf.float32
    assert shares.numpy().tolist() == [[0.5, 0.5, 0, 1, 0.25, 0.75]]


@pytest.mark.parametrize("positions", [1, 3, 49, 2916, 50176, 65535, 65536, 2**22 - 1])
def test_histograms_lose_nothing_of_the_counts(rng, positions):
    counts = np.unique(np.append(rng.integers(0, positions + 1, 5000), [0, 1, positions - 1, positions]))
    edges = edges_of(np.zeros((1, len(counts) - 1), np.float32))
    shares = histograms_of(counts[None].astype(np.uint32), (positions,), edges)
    np.testing.assert_array_equal(np.rint(shares * positions), counts[None])


def test_same_in_a_graph_and_in_tf_data(rng):
    edges = edges_of(np.sort(rng.normal(size=(4, 9)), axis=1).astype(np.float32))
    responses = tf.constant(rng.normal(size=(6, 5, 5, 4)), tf.float32)
    eager = histograms([responses], edges).numpy()
    np.testing.assert_allclose(eager.reshape(6, 4, 10).sum(axis=2), 1, atol=1e-6)
    np.testing.assert_array_equal(tf.function(lambda r: histograms([r], edges))(responses), eager)
    dataset = tf.data.Dataset.from_tensor_slices(responses).batch(4).map(lambda r: histograms([r], edges))
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), eager)
