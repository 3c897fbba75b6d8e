"""Counting all layers of a bank, by threads and in a graph."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import BinEdges, histograms, histograms_of
from sjft_tf.descriptors.bank_counting import BankCounter, graph_counter


def edges_of(*layers):
    return BinEdges(layers, tuple(layer[:, 0] for layer in layers), tuple(layer[:, -1] for layer in layers))


def test_the_threaded_counter_and_the_graph_give_the_same_bits(rng):
    edges = edges_of(
        np.sort(rng.normal(size=(4, 9)), axis=1).astype(np.float32),
        np.sort(rng.integers(-1, 2, size=(3, 9)), axis=1).astype(np.float32),
    )
    responses = [tf.constant(rng.normal(size=(6, side, side, c)), tf.float32) for side, c in ((7, 4), (3, 3))]
    with BankCounter(edges.edges) as counter:
        counts, finite = counter.start(responses, 5)()
    assert (counts.dtype, counts.shape, finite.tolist()) == (np.uint16, (5, 70), [True] * 5)
    graph_counts, graph_finite = graph_counter(edges.edges)(responses)
    np.testing.assert_array_equal(graph_counts[:5], counts)
    assert graph_finite.numpy().tolist() == [True] * 6
    shares = histograms_of(counts, (49, 9), edges)
    np.testing.assert_array_equal(shares, histograms(responses, edges)[:5])
    np.testing.assert_array_equal(np.rint(shares * np.repeat([49, 9], [40, 30])), counts)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_images_with_responses_that_are_not_finite_are_told(rng, bad):
    edges = (np.float32([[0.0]]), np.float32([[0.0]]))
    responses = [np.zeros((3, 4, 4, 1), np.float32), np.zeros((3, 2, 2, 1), np.float32)]
    responses[1][2, 1, 0, 0] = bad
    responses = [tf.constant(layer) for layer in responses]
    with BankCounter(edges) as counter:
        assert counter.start(responses, 3)()[1].tolist() == [True, True, False]
    assert graph_counter(edges)(responses)[1].numpy().tolist() == [True, True, False]


@pytest.fixture(params=["threads", "gpu"])
def device(request, monkeypatch):
    if request.param == "gpu":
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["/GPU:0"])
    return request.param


@pytest.fixture
def layers(rng):
    return [rng.normal(size=(4, side, side, channels)).astype(np.float32) for side, channels in ((5, 3), (2, 2))]


def test_counts_of_the_first_images(rng, device, layers):
    edges = [np.sort(rng.normal(size=(layer.shape[3], 6)), axis=1).astype(np.float32) for layer in layers]
    with BankCounter(edges) as counter:
        counts, finite = counter.start([tf.constant(layer) for layer in layers], 3)()
    assert (counts.dtype, finite.tolist()) == (np.uint16, [True] * 3)
    for image in range(3):
        expected = [
            np.bincount(
                np.searchsorted(edges[number][channel], layer[image, ..., channel].ravel(), "right"), minlength=7
            )
            for number, layer in enumerate(layers)
            for channel in range(layer.shape[3])
        ]
        assert counts[image].tolist() == np.concatenate(expected).tolist()


def test_totals_are_the_sums_over_images(rng, device, layers):
    edges = [np.sort(rng.normal(size=(layer.shape[3], 6)), axis=1).astype(np.float32) for layer in layers]
    responses = [tf.constant(layer) for layer in layers]
    with BankCounter(edges) as counter:
        counts, totals = counter.start(responses, 4)()[0], counter.start_totals(responses)()
    assert [total.shape for total in totals] == [(3, 7), (2, 7)]
    assert {total.dtype for total in totals} == {np.dtype(np.int64)}
    assert np.concatenate([total.ravel() for total in totals]).tolist() == counts.sum(axis=0).tolist()


def test_several_are_counted_at_once_and_asked_for_in_any_order(rng, device, layers):
    edges = [np.sort(rng.normal(size=(layer.shape[3], 6)), axis=1).astype(np.float32) for layer in layers]
    with BankCounter(edges) as counter:
        started = [counter.start([tf.constant(layer + shift) for layer in layers], 4) for shift in range(5)]
        backwards = [result()[0] for result in reversed(started)]
        for shift, counts in enumerate(reversed(backwards)):
            again, _ = counter.start([tf.constant(layer + shift) for layer in layers], 4)()
            np.testing.assert_array_equal(counts, again)
