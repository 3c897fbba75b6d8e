"""Which images become points."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.pipeline.stages.projection import chosen_rows, spread_rows


def test_small_sets_leave_their_part_to_the_others():
    assert chosen_rows([100, 10, 1000], 2000) == [100, 10, 1000]
    assert chosen_rows([100, 10, 1000], 300) == [100, 10, 190]
    assert chosen_rows([100, 10, 1000], 30) == [10, 10, 10]
    assert chosen_rows([5], 3) == [3]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=3), st.integers(1, 120))
def test_as_many_as_there_are_or_may_be(sizes, most):
    shown = chosen_rows(sizes, most)
    assert sum(shown) == min(sum(sizes), most)
    assert all(0 <= number <= size for number, size in zip(shown, sizes, strict=True))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_every_class_keeps_its_share(labels, data):
    labels = np.array(labels)
    count = data.draw(st.integers(1, len(labels)))
    rows = spread_rows(labels, count)
    assert len(set(rows.tolist())) == count
    assert (np.diff(rows) > 0).all()
    expected = np.bincount(labels, minlength=5) * count / len(labels)
    assert (np.abs(np.bincount(labels[rows], minlength=5) - expected) <= 1).all()
