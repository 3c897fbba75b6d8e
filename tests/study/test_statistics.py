"""Means, spreads and intervals against the definitions, and what must never change them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sjft_tf.study.statistics import (
    Summary,
    bootstrap_interval,
    differences,
    image_interval,
    paired_summary,
    resamples,
    t_interval,
)

VALUES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 4)), min_size=2, max_size=8)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_all_resamples_are_enumerated(count):
    counted = [tuple(np.bincount(picked, minlength=count)) for picked in product(range(count), repeat=count)]
    assert sorted(map(tuple, resamples(count).astype(int))) == sorted(counted)


def test_six_are_enumerated_and_seven_are_drawn():
    assert len(resamples(6)) == 6**6 == 46_656
    drawn = resamples(7)
    assert drawn.shape == (10_000, 7)
    assert np.all(drawn.sum(axis=1) == 7)
    np.testing.assert_array_equal(drawn, resamples(7))
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.05)


def test_the_bootstrap_is_the_percentiles_of_all_means():
    x = [0.1, 0.4, 0.35, 0.8]
    means = [np.mean(picked) for picked in product(x, repeat=4)]
    np.testing.assert_allclose(bootstrap_interval(x), np.quantile(means, [0.025, 0.975]), atol=1e-12)
    np.testing.assert_allclose(bootstrap_interval(x, 0.5), np.quantile(means, [0.25, 0.75]), atol=1e-12)


def test_two_values_by_hand():
    # Means of the four resamples: a, (a + b) / 2 twice, b; NumPy's quantile lies 0.075 of the way from the first on.
    low, high = bootstrap_interval([0.0, 1.0])
    assert (low, high) == pytest.approx((0.0375, 0.9625))


def test_t_interval_is_scipys():
    x = np.array([0.3, 0.5, 0.45, 0.2, 0.6])
    wanted = stats.t.interval(0.95, 4, x.mean(), stats.sem(x))
    assert t_interval(x) == pytest.approx(wanted)
    # The factor the module names.
    inner = bootstrap_interval(x)
    assert 1.3 < (wanted[1] - wanted[0]) / (inner.high - inner.low) < 1.9


@pytest.mark.parametrize("values", [[], [0.5]])
def test_fewer_than_two_have_no_interval(values):
    assert bootstrap_interval(values) is None
    assert t_interval(values) is None


@given(VALUES, st.floats(-3, 3), st.randoms())
def test_the_interval_holds_the_mean_and_moves_with_the_values(values, constant, random):
    low, high = bootstrap_interval(values)
    assert low <= np.mean(values) + 1e-12
    assert high >= np.mean(values) - 1e-12
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    moved = bootstrap_interval([value + constant for value in values])
    np.testing.assert_allclose(moved, (low + constant, high + constant), atol=1e-9)
    shuffled = random.sample(values, len(values))
    if len(values) <= 6:  # beyond that the resamples are drawn
        np.testing.assert_allclose(bootstrap_interval(shuffled), (low, high), atol=1e-9)


@given(VALUES, st.floats(-1, 1))
def test_a_constant_added_to_both_arms_changes_no_difference(values, constant):
    plain = {seed: value / 2 for seed, value in enumerate(values)}
    arm = dict(enumerate(values))
    before = paired_summary(arm, plain)
    after = paired_summary(*({s: v + constant for s, v in one.items()} for one in (arm, plain)))
    for name in ("difference", "low", "high", "sd"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-9)
    assert after.mean == pytest.approx(before.mean + constant)


def test_summary_by_hand():
    summary = paired_summary({0: 0.5, 1: 0.7, 2: 0.6}, {0: 0.4, 2: 0.3, 9: 1.0}, [10.0, 20.0, 30.0])
    assert (summary.n, summary.seconds) == (3, 20.0)
    assert summary.mean == pytest.approx(0.6)
    assert summary.sd == pytest.approx(0.1)
    assert summary.difference == pytest.approx((0.1 + 0.3) / 2)  # of the seeds both have
    assert differences({1: 0.5}, {0: 0.1}) == []
    empty = paired_summary({}, {})
    assert empty == Summary(0, *[None] * 6)
    one = paired_summary({0: 0.5}, {0: 0.4})
    assert one.sd is None
    assert one.low is None
    assert one.difference == pytest.approx(0.1)


def test_images_and_seeds_together():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 50, 20])
    gains = rng.choice([-1, 0, 1], p=[0.1, 0.6, 0.3], size=(4, 100)).astype(float)
    low, high = image_interval(gains, labels)
    mean = np.mean([gains[:, labels == c].mean() for c in range(3)])
    assert low < mean < high
    # Of one seed, only the images count: the variance of a stratified mean.
    alone = image_interval(gains[:1], labels, draws=20_000)
    variance = sum(gains[0, labels == c].var() / (labels == c).sum() for c in range(3)) / 9
    assert (alone.high - alone.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=0.03)
    # Images that all come out alike leave the seeds: then it is the bootstrap of their means.
    each = [0.0, 1.0, 0.5, 0.25, 0.6]
    same = np.repeat(np.array(each)[:, None], 100, axis=1)
    found = image_interval(same, labels, draws=20_000)
    np.testing.assert_allclose(found, bootstrap_interval(each), atol=0.03)
    assert image_interval(np.zeros((0, 5)), np.zeros(5)) is None
