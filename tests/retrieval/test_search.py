"""Exact search over a stream of blocks."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, nearest, search, symmetric_kl

LAYOUT = Layout((2, 3), 8)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(search, "BLOCK_ROWS", 32)


@pytest.fixture
def target(rng):
    return some(rng, 7)


def some(rng, images):
    return (rng.multinomial(50, np.full(8, 1 / 8), (images, 5)) / 50).reshape(images, 40).astype(np.float32)


def blocks_of(histograms, size, rows=None):
    rows = np.arange(len(histograms), dtype=np.int32) if rows is None else rows
    return [(rows[i : i + size], histograms[rows[i : i + size]]) for i in range(0, len(rows), size)]


@pytest.mark.parametrize("k", [1, 5, 100])
def test_against_sorting_all_distances(rng, target, k):
    source = some(rng, 100)
    rows, distances = nearest(target, blocks_of(source, 10), k, LAYOUT)
    assert (rows.dtype, distances.dtype) == (np.int32, np.float32)
    everything = symmetric_kl(target, source, LAYOUT.layer_channels, LAYOUT.bins)
    np.testing.assert_allclose(distances, np.sort(everything, axis=1)[:, :k], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(distances, np.take_along_axis(everything, rows, axis=1), rtol=1e-4, atol=1e-6)
    assert (np.diff(distances, axis=1) >= 0).all()


def test_bit_for_bit_the_same_for_any_blocks_in_any_order(rng, target):
    source = some(rng, 301)
    rows, distances = nearest(target, blocks_of(source, 301), 40, LAYOUT)
    for size in (1, 7, 32, 33, 64, 300):
        again = nearest(target, blocks_of(source, size), 40, LAYOUT)
        np.testing.assert_array_equal(again[0], rows)
        np.testing.assert_array_equal(again[1], distances)
        shuffled = nearest(target, blocks_of(source, size, rng.permutation(301).astype(np.int32)), 40, LAYOUT)
        np.testing.assert_array_equal(shuffled[0], rows)
        np.testing.assert_array_equal(shuffled[1], distances)


def test_bit_equality_at_the_real_block_size(rng, monkeypatch):
    monkeypatch.undo()
    layout = Layout((5,), 8)
    target, source = some(rng, 33), some(rng, 2500)
    rows, distances = nearest(target, blocks_of(source, 2500), 300, layout)
    again = nearest(target, blocks_of(source, 64, rng.permutation(2500).astype(np.int32)), 300, layout)
    np.testing.assert_array_equal(again[0], rows)
    np.testing.assert_array_equal(again[1], distances)


def test_copies_tie_and_come_in_the_order_of_rows(rng, target):
    source = np.tile(some(rng, 10), (9, 1))
    rows, distances = nearest(target, blocks_of(source, 16, rng.permutation(90).astype(np.int32)), 27, LAYOUT)
    for line, values in zip(rows.reshape(7, 3, 9), distances.reshape(7, 3, 9), strict=True):
        # Nine copies of each image, ten rows apart.
        assert (np.diff(line, axis=1) == 10).all()
        assert (values == values[:, :1]).all()


def test_an_image_finds_itself(rng, target):
    source = np.concatenate([some(rng, 40), target])
    rows, distances = nearest(target, blocks_of(source, 11), 1, LAYOUT)
    np.testing.assert_array_equal(rows[:, 0], 40 + np.arange(7))
    np.testing.assert_allclose(distances, 0, atol=1e-5)


def test_bad_input(rng, target):
    source = some(rng, 10)
    with pytest.raises(InputError, match=r"`k` must be between 1 and 10.*Received: k=11"):
        nearest(target, blocks_of(source, 4), 11, LAYOUT)
    with pytest.raises(InputError, match=r"`k` must be between 1.*Received: k=0"):
        nearest(target, blocks_of(source, 4), 0, LAYOUT)
    with pytest.raises(InputError, match="Target histograms must have 40 columns"):
        nearest(target[:, :5], blocks_of(source, 4), 1, LAYOUT)
    with pytest.raises(InputError, match="Source histograms must have 40 columns"):
        nearest(target, [(np.int32([0]), source[:1, :5])], 1, LAYOUT)
    with pytest.raises(InputError, match="no target images"):
        nearest(target[:0], blocks_of(source, 4), 1, LAYOUT)
