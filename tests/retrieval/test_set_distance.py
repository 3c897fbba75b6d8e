"""The distance between sets against its definition: every choice of candidates written out, in float64."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.retrieval import Layout, set_distance
from sjft_tf.retrieval.set_distance import expected_nearest

CHANNELS, BINS = (2, 3), 6
LAYOUT = Layout(CHANNELS, BINS)


def histograms(rng, images, spread=3.0, shift=0.0):
    """Counts of 100 positions, divided; `shift` moves mass toward the last bins."""
    shares = rng.dirichlet(spread * np.exp(shift * np.arange(BINS)), (images, sum(CHANNELS)))
    counts = np.stack([[rng.multinomial(100, share) for share in image] for image in shares])
    return (counts / 100).reshape(images, -1).astype(np.float32)


def definition(one, other):
    """Equation 1 of the paper, halved, for two descriptors in float64."""
    weights = np.repeat([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3], BINS)
    one, other = np.float64(one), np.float64(other)
    return 0.5 * np.sum(weights * (one - other) * np.log((one + 2.2e-16) / (other + 2.2e-16)))


def oracle(target, source):
    n = min(len(target) - 1, len(source))

    def median(candidates_of):
        nearest = []
        for i, image in enumerate(target):
            distances = [definition(image, other) for other in candidates_of(i)]
            nearest.append(np.mean([min(chosen) for chosen in itertools.combinations(distances, n)]))
        return np.median(nearest)

    return median(lambda i: source), median(lambda i: np.delete(target, i, axis=0)), n


@pytest.mark.parametrize(("targets", "sources"), [(5, 4), (5, 8), (7, 3), (2, 1), (2, 6), (6, 1)])
def test_against_the_definition(rng, targets, sources):
    target, source = histograms(rng, targets), histograms(rng, sources, shift=0.4)
    distance = set_distance(target, source, LAYOUT)
    between, within, candidates = oracle(target, source)
    np.testing.assert_allclose((distance.between, distance.within), (between, within), rtol=1e-4)
    assert distance.candidates == candidates
    assert distance.ratio == pytest.approx(between / within, rel=1e-4)


@given(st.lists(st.floats(0, 1e3, width=32), min_size=1, max_size=8), st.data())
def test_the_expectation_is_over_all_draws(values, data):
    count = data.draw(st.integers(1, len(values)))
    wanted = np.mean([min(chosen) for chosen in itertools.combinations(values, count)])
    np.testing.assert_allclose(expected_nearest(np.array([values]), count), [wanted], rtol=1e-9, atol=1e-12)


def test_the_expectation_of_large_sets():
    distances = np.arange(1, 2049, dtype=np.float32)[None]
    # The smallest of n of the numbers 1 to S is (S + 1)/(n + 1) on average.
    np.testing.assert_allclose(expected_nearest(distances, 255), [2049 / 256], rtol=1e-9)
    np.testing.assert_allclose(expected_nearest(distances, 2048), [1], rtol=1e-9)
    np.testing.assert_allclose(expected_nearest(distances, 1), [distances.mean()], rtol=1e-9)
    for count in (0, 2049):
        with pytest.raises(ValueError, match="between 1 and 2048"):
            expected_nearest(distances, count)


@given(st.integers(0, 2**32 - 1), st.integers(40, 80), st.integers(40, 160))
def test_a_second_draw_of_the_same_images_is_near_one(seed, targets, sources):
    rng = np.random.default_rng(seed)
    ratio = set_distance(histograms(rng, targets), histograms(rng, sources), LAYOUT).ratio
    assert 0.7 < ratio < 1.4


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 12))
def test_order_changes_nothing(seed, targets, sources):
    rng = np.random.default_rng(seed)
    target, source = histograms(rng, targets), histograms(rng, sources, shift=0.5)
    distance = set_distance(target, source, LAYOUT)
    again = set_distance(rng.permutation(target), rng.permutation(source), LAYOUT)
    np.testing.assert_allclose((again.between, again.within), (distance.between, distance.within), rtol=1e-4)


def test_the_number_of_source_images_does_not_decide(rng):
    target, source = histograms(rng, 60), histograms(rng, 900)
    few, many = (set_distance(target, part, LAYOUT) for part in (source[:60], source))
    assert few.candidates == many.candidates == 59
    assert many.ratio == pytest.approx(few.ratio, rel=0.15)


def test_farther_sets_have_larger_ratios(rng):
    target = histograms(rng, 40)
    ratios = [set_distance(target, histograms(rng, 600, shift=shift), LAYOUT).ratio for shift in (0, 0.3, 0.8)]
    assert ratios == sorted(ratios)
    assert ratios[2] > 2 * ratios[0]


def test_equal_images_do_not_divide_by_zero(rng):
    one = np.repeat(histograms(rng, 1), 4, axis=0)
    assert set_distance(one, one[:2], LAYOUT).ratio == 1.0
    far = set_distance(one, histograms(rng, 3, shift=1), LAYOUT)
    assert far.ratio == math.inf
    assert far.within < 1e-4 < far.between


def test_what_cannot_be_measured_is_refused(rng):
    some = histograms(rng, 3)
    with pytest.raises(InputError, match=r"at least 2 target images.*Received: 1 and 3"):
        set_distance(some[:1], some, LAYOUT)
    with pytest.raises(InputError, match="Received: 3 and 0"):
        set_distance(some, some[:0], LAYOUT)
    with pytest.raises(InputError, match="must have 30 columns"):
        set_distance(some, some[:, :-1], LAYOUT)
