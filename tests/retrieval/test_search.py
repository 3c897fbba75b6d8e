"""Exact search over a stream of blocks."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, Search, nearest, search_kernels, symmetric_kl
from sjft_tf.retrieval.divergence import EPSILON, Products

LAYOUT = Layout((2, 3), 8)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(Products, "SOURCE_ROWS", 48)


@pytest.fixture
def target(rng):
    return some(rng, 7)


def some(rng, images):
    return (rng.multinomial(50, np.full(8, 1 / 8), (images, 5)) / 50).reshape(images, 40).astype(np.float32)


def blocks_of(histograms, size, rows=None):
    rows = np.arange(len(histograms), dtype=np.int32) if rows is None else rows
    return [(rows[i : i + size], histograms[rows[i : i + size]]) for i in range(0, len(rows), size)]


def oracle(target, source, layout):
    """Equation 1 of the paper in float64, with the released code's constant inside the logarithms."""
    t, s = target.astype(np.float64)[:, None], source.astype(np.float64)[None]
    weights = np.concatenate([np.full(layout.bins * channels, 1 / channels) for channels in layout.layer_channels])
    return 0.5 * (weights * (t - s) * (np.log(t + EPSILON) - np.log(s + EPSILON))).sum(2)


@pytest.mark.parametrize("k", [3, 64, 400])
def test_the_oracles_neighbors_except_between_equal_distances(rng, k):
    layout = Layout((6, 10), 24)
    target, source = (
        (rng.multinomial(400, np.full(24, 1 / 24), (n, 16)) / 400).reshape(n, 384).astype(np.float32) for n in (20, 400)
    )
    rows, distances = nearest(target, blocks_of(source, 100), k, layout)
    wanted = oracle(target, source, layout)
    np.testing.assert_allclose(distances, np.take_along_axis(wanted, rows, axis=1), rtol=1e-5)
    limit = np.sort(wanted, axis=1)[:, k - 1]
    for line, listed in enumerate(rows):
        inside, outside = set(np.flatnonzero(wanted[line] <= limit[line])), set(listed)
        differing = wanted[line][list(inside ^ outside)]
        np.testing.assert_allclose(differing, limit[line], rtol=1e-5)


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
    for size in (1, 7, 48, 49, 64, 300):
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


def test_going_on_from_a_state_gives_the_same_bits(rng, target):
    source = some(rng, 300)
    expected = nearest(target, blocks_of(source, 300), 40, LAYOUT)
    blocks = blocks_of(source, 11, rng.permutation(300).astype(np.int32))
    for stop in (0, 1, 13, len(blocks)):
        first, second = Search(target, 40, LAYOUT), Search(target, 40, LAYOUT)
        for rows, block in blocks[:stop]:
            first.add(rows, block)
        second.restore(first.state())
        missing = second.missing(300)
        assert sorted(missing.tolist()) == sorted(row for rows, _ in blocks[stop:] for row in rows.tolist())
        second.add(missing, source[missing])
        for result, wanted in zip(second.result(), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


def test_less_memory_changes_nothing_and_too_little_is_refused(rng, target):
    source = some(rng, 3000)
    plenty = nearest(target, blocks_of(source, 64), 900, LAYOUT)
    for result, wanted in zip(nearest(target, blocks_of(source, 64), 900, LAYOUT, memory_mb=0.2), plenty, strict=True):
        np.testing.assert_array_equal(result, wanted)
    with pytest.raises(InputError, match=r"need at least 1 MiB.*Received: --search_memory_mb=0.05"):
        nearest(target, blocks_of(source, 64), 900, LAYOUT, memory_mb=0.05)


def test_a_row_offered_twice_is_a_mistake(rng, target):
    source = some(rng, 10)
    with pytest.raises(ValueError, match="row 3 was searched before"):
        nearest(target, [*blocks_of(source, 10), (np.int32([3]), source[3:4])], 2, LAYOUT)


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


def test_a_product_that_rounds_by_position_is_not_used(rng, target, monkeypatch):
    source = some(rng, 301)
    distances = nearest(target, blocks_of(source, 301), 40, LAYOUT)[1]

    def leftovers_rounded_otherwise(left, right):
        product = matmul(left, right).numpy()
        product[-5:] = np.nextafter(product[-5:], np.float32(np.inf))
        return tf.constant(product)

    matmul = tf.matmul
    monkeypatch.setattr(tf, "matmul", leftovers_rounded_otherwise)
    shuffled = rng.permutation(301).astype(np.int32)
    shuffled_result = nearest(target, blocks_of(source, 7, shuffled), 40, LAYOUT)
    again = nearest(target, blocks_of(source, 301), 40, LAYOUT)
    for one, other in zip(shuffled_result, again, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(shuffled_result[1], distances, rtol=1e-4, atol=1e-6)


def test_the_kernel_of_fixed_order_against_float64(rng):
    left, right = rng.normal(size=(21, 50)).astype(np.float32), rng.normal(size=(50, 13)).astype(np.float32)
    products = np.zeros((21, 13), np.float32)
    for begin, end in ((0, 2), (2, 19), (19, 21)):
        search_kernels.multiply_in_order(left, right, products, begin, end)
    np.testing.assert_array_equal(products, (left.astype(np.float64) @ right.astype(np.float64)).astype(np.float32))
    tiled = np.repeat(left[:1], 21, axis=0)
    search_kernels.multiply_in_order(tiled, right, products, 0, 21)
    np.testing.assert_array_equal(products, products[:1].repeat(21, axis=0))
