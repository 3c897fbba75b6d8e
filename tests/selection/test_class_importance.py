"""Importance of source classes, quotas and the pool against the formula in float64 and against counting."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.selection import Selector, SourceClasses, class_weights, pool_of_class_weights
from sjft_tf.selection.weights import quotas


@st.composite
def problems(draw):
    """P_t before the normalization, labels (some classes may have no images), and a pool's size."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    classes = draw(st.integers(1, 8))
    labels = rng.integers(0, classes, draw(st.integers(1, 60))).astype(np.int32)
    return rng.dirichlet(np.full(classes, draw(st.sampled_from([0.2, 5.0])))), labels, draw(st.integers(1, 200))


@given(problems())
def test_weights_by_the_formula(problem):
    probability, labels, _ = problem
    weights = class_weights(probability, labels)
    images = [int((labels == y).sum()) for y in range(len(probability))]
    total = sum(p for p, n in zip(probability, images, strict=True) if n)
    for y, count in enumerate(images):
        share = probability[y] / total if count else 0.0
        assert weights.target[y] == pytest.approx(share, rel=1e-12)
        assert weights.source[y] == pytest.approx(count / len(labels), rel=1e-12)
        assert weights.weight[y] == pytest.approx(share / (count / len(labels)) if count else 0.0, rel=1e-12)
    # Weights are relative to the source: their mean over its images is 1.
    assert weights.weight[labels].mean() == pytest.approx(1)


@given(problems())
def test_a_draw_from_the_pool_follows_the_importances(problem):
    probability, labels, size = problem
    weights = class_weights(probability, labels)
    pool = pool_of_class_weights(weights, labels, size, seed=3)
    assert pool.dtype == np.int32
    assert len(pool) == size
    places_of_class = np.bincount(labels[pool], minlength=len(probability))
    # In proportion to w(label) means classes in proportion to P_t, up to a place for rounding.
    share = weights.weight[labels] / weights.weight[labels].sum()
    expected = np.bincount(labels, weights=share, minlength=len(probability))
    assert (np.abs(places_of_class - size * expected) < 1 + 1e-9).all()
    # Within a class all images alike, up to one draw.
    times = np.bincount(pool, minlength=len(labels))
    for y in np.unique(labels):
        own = times[labels == y]
        assert own.max() - own.min() <= 1
    np.testing.assert_array_equal(pool, pool_of_class_weights(weights, labels, size, seed=3))


def test_images_are_drawn_by_the_seed():
    labels = np.zeros(100, np.int32)
    weights = class_weights(np.ones(1), labels)
    pools = [pool_of_class_weights(weights, labels, 20, seed).tolist() for seed in (0, 1)]
    assert pools[0] != pools[1]
    assert [len(set(p)) for p in pools] == [20, 20]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9).filter(any), st.integers(0, 500))
def test_quotas_are_those_of_the_largest_remainders(parts, size):
    exact = [Fraction(size * p, sum(parts)) for p in parts]
    numbers = quotas(np.array(parts) / sum(parts), size)
    assert numbers.sum() == size
    assert all(abs(int(q) - e) < 1 for q, e in zip(numbers, exact, strict=True))


def test_quotas_by_hand():
    assert quotas(np.array([0.5, 0.25, 0.25]), 6).tolist() == [3, 2, 1]
    assert quotas(np.array([0.0, 1.0]), 4).tolist() == [0, 4]


def test_the_selector_lets_everyone_draw_from_the_pool():
    labels = np.array([0, 1, 1, 2, 2, 2], np.int32)
    pool = np.array([0, 0, 3, 4, 4, 5], np.int32)
    selector = Selector("class_importance", None, 2, SourceClasses(labels, 3), pool=pool)
    assert selector.k_max == 6
    borrowing = selector.borrow(np.full(2, 6))
    assert borrowing.union.tolist() == [0, 3, 4, 5]
    assert borrowing.pools.rows.tolist() == pool.tolist()
    assert (borrowing.pools.starts.tolist(), borrowing.pools.lengths.tolist()) == ([0, 0], [6, 6])
    assert borrowing.kept_classes.tolist() == [True, False, True]
    # Classes are counted by images, not by places: the one of class 0 is one image.
    few = Selector("class_importance", None, 2, SourceClasses(labels, 3, 2), pool=pool).borrow(np.full(2, 6))
    assert few.pools.rows.tolist() == [3, 4, 4, 5]
    assert few.union.tolist() == [3, 4, 5]
    assert few.source_labels.tolist() == [-1, -1, -1, 2, 2, 2]


def test_what_makes_no_sense_is_refused():
    labels = np.zeros(3, np.int32)
    for probability in ([np.nan], [0.0], [-0.1, 1.1], [0.0, 1.0]):
        with pytest.raises(InputError, match="gives the target no probabilities"):
            class_weights(np.array(probability), labels if len(probability) == 1 else np.array([0, 0, 0]))
    with pytest.raises(InputError, match="`pool` is for the selectors class_importance, .*, which need one"):
        Selector("class_importance", None, 1, SourceClasses(labels, 1))
    with pytest.raises(InputError, match="Received: 'all'"):
        Selector("all", None, 1, SourceClasses(labels, 1), pool=np.zeros(2, np.int32))
