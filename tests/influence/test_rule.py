"""Which images are dropped: the papers' rule, its limits, and the bootstrap against one that is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.influence import Bootstrap, choose, ranks

SCORES = np.array([0.5, -0.1, 0.0, 2.0, 0.3, -3.0])
LABELS = np.array([0, 0, 1, 1, 1, 2])


def test_the_papers_rule_drops_what_is_positive():
    np.testing.assert_array_equal(choose(SCORES, LABELS), [True, False, False, True, True, False])


def test_limits():
    np.testing.assert_array_equal(np.flatnonzero(choose(SCORES, LABELS, max_share=0.34)), [0, 3])
    np.testing.assert_array_equal(np.flatnonzero(choose(SCORES, LABELS, keep_per_class=2)), [3])
    np.testing.assert_array_equal(np.flatnonzero(choose(SCORES, LABELS, threshold=0.4)), [0, 3])
    assert not choose(SCORES, LABELS, max_share=0.0).any()
    assert choose(np.ones(4), np.zeros(4, int)).sum() == 3  # the class keeps one
    with pytest.raises(InputError, match="1 of 3 scores are not numbers"):
        choose(np.array([1, np.nan, 2]), np.zeros(3, int))


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 3)), min_size=1, max_size=30), st.floats(0, 1), st.data())
def test_what_always_holds(images, share, data):
    scores, labels = np.array([s for s, _ in images]), np.array([c for _, c in images])
    least = data.draw(st.integers(0, 5))
    dropped = choose(scores, labels, max_share=share, keep_per_class=least)
    assert dropped.sum() <= share * len(scores) + 1e-6
    assert not dropped[scores <= 0].any()
    before, after = np.bincount(labels, minlength=4), np.bincount(labels[~dropped], minlength=4)
    assert (after >= np.minimum(before, least)).all()
    # Within a class, nothing that stays is worse than what goes.
    for label in range(4):
        mine = labels == label
        if dropped[mine].any() and (~dropped[mine]).any():
            assert scores[mine & dropped].min() >= scores[mine & ~dropped].max()


def test_ranks():
    np.testing.assert_array_equal(ranks(np.array([0.1, 3.0, 0.1, -1.0])), [2, 1, 3, 4])


def test_the_bootstrap_is_the_limit_of_drawing(rng):
    matrix = rng.normal(0.2, 1.0, (40, 3)) * [1, 2, 0.1]
    bootstrap = Bootstrap([matrix[:15], matrix[15:]])
    drawn = np.stack([matrix[rng.integers(0, 40, 40)].sum(axis=0) for _ in range(4000)])
    np.testing.assert_allclose(bootstrap.standard_error, drawn.std(axis=0), rtol=0.05)
    np.testing.assert_allclose(
        bootstrap.lower(0.9), np.quantile(drawn, 0.1, axis=0), atol=0.1 * bootstrap.standard_error.max()
    )
    np.testing.assert_allclose(bootstrap.lower(0.5), matrix.sum(axis=0))
