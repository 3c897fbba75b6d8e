"""Counting between edges: exactly np.searchsorted on float64, for any finite edges, by both counters."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sjft_tf.descriptors.counting import BinCounter
from sjft_tf.descriptors.cpu_counting import CpuBinCounter

TINY = np.finfo(np.float32).tiny
LARGEST = np.finfo(np.float32).max


def oracle_counts(values, edges):
    """int [N, C, bins] of values [N, P, C], compared in float64; subnormal numbers are zero."""
    edges, values = (np.where(np.abs(a) < TINY, 0, a).astype(np.float64) for a in (edges, values))
    counts = np.zeros((len(values), edges.shape[0], edges.shape[1] + 1), int)
    for n, c in np.ndindex(counts.shape[:2]):
        bins_of_values = np.searchsorted(edges[c], values[n, :, c], side="right")
        counts[n, c] = np.bincount(bins_of_values, minlength=counts.shape[2])
    return counts


def in_a_graph(edges, values):
    return BinCounter(edges)(tf.constant(values)).numpy()


def on_a_cpu(edges, values):
    counts, finite = CpuBinCounter(edges)(values)
    assert finite.all()
    return counts


def in_a_thread_of_tensorflow(edges, values):
    """There subnormal numbers are zero to the processor, here they are not."""
    lines = tf.data.Dataset.from_tensors(values)
    count = CpuBinCounter(edges)
    return next(iter(lines.map(lambda line: tf.numpy_function(lambda v: count(v)[0], [line], tf.uint16)))).numpy()


WAYS = pytest.mark.parametrize("count", [in_a_graph, on_a_cpu, in_a_thread_of_tensorflow])


@WAYS
def test_counts_by_hand(count):
    edges = np.float32([[0, 1, 1, 2]])
    values = np.float32([-5, 0, 0.5, 1, 1.5, 2, 99, -0.0]).reshape(1, -1, 1)
    # below 0 | 0..1 | between equal edges | 1..2 | from 2 up; a value equal to an edge goes up
    assert count(edges, values).tolist() == [[[1, 3, 0, 2, 2]]]


@WAYS
def test_subnormal_numbers_count_as_zero(count):
    edges = np.float32([[-TINY, 0, TINY], [-1e-40, 0, 1e-40]]).astype(np.float32)
    small = np.float32([-TINY, -1e-38, -1e-45, -0.0, 0, 1e-45, 1e-38, TINY])
    values = np.stack([small, small], axis=1)[None]
    assert count(edges, values).tolist() == [[[0, 1, 6, 1], [1, 0, 0, 7]]]


@WAYS
@pytest.mark.parametrize("channels", [5, 100])
@pytest.mark.parametrize(
    "kind", ["normal", "heavy tails", "few values", "all equal", "nearly equal", "far apart", "tiny", "mixed"]
)
def test_exact_for_difficult_edges(rng, kind, channels, count):
    shape = (channels, 99)
    makers = {
        "normal": lambda: rng.normal(size=shape),
        "heavy tails": lambda: rng.standard_cauchy(shape) ** 3,
        "few values": lambda: rng.integers(-2, 3, shape),
        "all equal": lambda: np.full(shape, 0.3),
        "nearly equal": lambda: 1 + rng.integers(0, 4, shape) * 2**-23,
        "far apart": lambda: rng.choice([-LARGEST, -1, 0, 1, LARGEST], shape),
        "tiny": lambda: rng.integers(-40, 40, shape) * 1e-38,
    }
    made = [maker() for name, maker in makers.items() if kind in (name, "mixed")]
    edges = np.sort(np.choose(np.arange(channels)[:, None] % len(made), made).astype(np.float32), axis=1)
    with np.errstate(over="ignore"):
        near = [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))]
    values = np.concatenate([*near, rng.normal(size=(channels, 53)), rng.normal(size=(channels, 50)) * 1e-38], axis=1)
    values = np.clip(values, -LARGEST, LARGEST).astype(np.float32)
    values = np.stack([values.T, -values.T])
    np.testing.assert_array_equal(count(edges, values), oracle_counts(values, edges))


numbers = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from(np.float32([0, -0.0, TINY, -TINY, 1e-40, -1e-40, 1, 1 + 2**-23, LARGEST, -LARGEST])),
)


@given(hnp.arrays(np.float32, (2, 7), elements=numbers), hnp.arrays(np.float32, (2, 3, 2), elements=numbers))
def test_both_counters_are_exact_for_any_finite_edges(edges, values):
    edges = np.sort(edges, axis=1)
    values = np.concatenate([values, np.broadcast_to(edges.T, (2, 7, 2))], axis=1)
    expected = oracle_counts(values, edges)
    np.testing.assert_array_equal(on_a_cpu(edges, values), expected)
    # Eagerly, as every counter compiles anew.
    bins = tf.reshape(BinCounter(edges).bins_of(tf.constant(values)), [2, -1])
    counts = tf.math.bincount(bins, minlength=16, maxlength=16, axis=-1)
    np.testing.assert_array_equal(counts.numpy().reshape(2, 2, 8), expected)


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 100, 256, 257, 2000]))
def test_any_number_of_bins(seed, bins):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.normal(size=(3, bins - 1)) ** 3, axis=1).astype(np.float32)
    values = np.concatenate([edges.T[:500], rng.normal(size=(77, 3)).astype(np.float32)])[None]
    np.testing.assert_array_equal(on_a_cpu(edges, values), oracle_counts(values, edges))


def test_total_is_the_sum_over_lines(rng):
    values = tf.constant(rng.normal(size=(3, 50, 4)), tf.float32)
    counter = BinCounter(np.sort(rng.normal(size=(4, 9)), axis=1).astype(np.float32))
    np.testing.assert_array_equal(counter.total(values), tf.reduce_sum(counter(values), axis=0))


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [(1, 0, 0), (1, 5, 39), (1, 9, 2)])
@pytest.mark.parametrize("spread", [1.0, 0.0])
def test_a_value_that_is_not_finite_is_told_by_line(rng, bad, position, spread):
    edges = np.sort(rng.normal(size=(40, 9)) * spread, axis=1).astype(np.float32)
    values = rng.normal(size=(3, 10, 40)).astype(np.float32)
    values[2, 3, 4] = LARGEST
    values[position] = bad
    counts, finite = CpuBinCounter(edges)(values)
    assert finite.tolist() == [True, False, True]
    np.testing.assert_array_equal(counts[[0, 2]], oracle_counts(values[[0, 2]], edges))


def test_counts_are_16_bits_wide_while_they_fit():
    edges, values = np.float32([[0.5]]), np.ones((1, 65536, 1), np.float32)
    for positions, dtype in ((65535, np.uint16), (65536, np.uint32)):
        counts, _ = CpuBinCounter(edges)(values[:, :positions])
        assert counts.dtype == dtype
        assert counts.tolist() == [[[0, positions]]]
