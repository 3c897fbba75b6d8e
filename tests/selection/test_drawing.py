"""Mixtures, uniform drawing and the cap: how often each row is drawn, against float64 oracles made of lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.selection import DrawRule, Selector, SourceClasses

from .test_borrowing import pool, problems, union_of

SHARES = st.sampled_from([0.01, 0.2, 0.5, 0.999])


def borrowing_of(problem, rule, name="nearest", least=0, counts=None, **more):
    table, labels, own = problem
    selector = Selector(name, table, len(table), SourceClasses(labels, 4, least), **more)
    return selector.drawing(rule).borrow(own if counts is None else counts)


def from_lists(lists, num_source):
    """A target image at random, then a row of its list at random."""
    shares = [0.0] * num_source
    for rows in lists:
        for row in rows:
            shares[row] += 1 / len(lists) / len(rows)
    return np.array(shares)


def own_lists(problem):
    table, _, counts = problem
    return [line[:k].tolist() for line, k in zip(table, counts, strict=True)]


@given(problems(), SHARES)
def test_a_mixture_draws_from_the_own_list_or_from_everything(problem, share):
    borrowing, num_source = borrowing_of(problem, DrawRule(share)), len(problem[1])
    wanted = share * from_lists(own_lists(problem), num_source) + (1 - share) / num_source
    np.testing.assert_allclose(borrowing.draw_shares(), wanted, rtol=1e-9, atol=1e-15)
    assert borrowing.union.tolist() == list(range(num_source))
    assert borrowing.source_labels.tolist() == problem[1].tolist()
    for i, rows in enumerate(own_lists(problem)):
        assert pool(borrowing, i) == rows


@given(problems(), st.booleans(), st.sampled_from([1.0, 0.4]))
def test_uniform_draws_every_image_of_the_union_alike(problem, compiled, share):
    borrowing = borrowing_of(problem, DrawRule(share, uniform=True), compiled=compiled)
    union, num_source = sorted(union_of(problem[0], problem[2])), len(problem[1])
    wanted = np.full(num_source, (1 - share) / num_source)
    wanted[union] += share / len(union)
    np.testing.assert_allclose(borrowing.draw_shares(), wanted, rtol=1e-9, atol=1e-15)


def capped(shares, union, cap):
    """What is above the cap, given to the rows below it in proportion to their room, in loops."""
    limit = cap / len(union)
    excess = sum(max(share - limit, 0.0) for share in shares)
    room = {row: max(limit - shares[row], 0.0) for row in union}
    if excess <= 1e-12:
        return shares
    return np.array([min(p, limit) + excess * room.get(r, 0.0) / sum(room.values()) for r, p in enumerate(shares)])


@given(problems(), st.sampled_from([1.0, 1.1, 1.5, 3.0, 100.0]), st.sampled_from([1.0, 0.3]), st.booleans())
def test_no_image_is_drawn_more_often_than_the_cap(problem, cap, share, uniform):
    borrowing, num_source = borrowing_of(problem, DrawRule(share, uniform, cap)), len(problem[1])
    free = borrowing_of(problem, DrawRule(share, uniform))
    shares, union = borrowing.draw_shares(), borrowing.union
    assert union.tolist() == free.union.tolist()
    assert shares.sum() == pytest.approx(1)
    assert shares.max() <= cap / len(union) * (1 + 1e-9)
    np.testing.assert_allclose(shares, capped(free.draw_shares(), union.tolist(), cap), rtol=1e-8, atol=1e-12)
    assert shares.shape == (num_source,)
    assert not uniform or share < 1 or borrowing.pools.exchange is None


@given(problems(), st.integers(0, 4))
def test_the_classes_of_the_whole_source_count_in_a_mixture(problem, least):
    labels = problem[1]
    kept = np.bincount(labels, minlength=4) >= max(least, 1)
    if not kept.any():
        return
    borrowing = borrowing_of(problem, DrawRule(0.5), least=least)
    assert borrowing.kept_classes.tolist() == kept.tolist()
    assert borrowing.union.tolist() == np.flatnonzero(kept[labels]).tolist()
    lists = [[row for row in rows if kept[labels[row]]] or rows for rows in own_lists(problem)]
    wanted = 0.5 * from_lists(lists, len(labels))
    wanted[borrowing.union] += 0.5 / len(borrowing.union)
    np.testing.assert_allclose(borrowing.draw_shares(), wanted, rtol=1e-9, atol=1e-15)


@given(problems())
def test_other_selectors_mix_what_they_chose(problem):
    num_source = len(problem[1])
    plain = borrowing_of(problem, DrawRule(), "random", seed=5)
    mixed = borrowing_of(problem, DrawRule(0.25), "random", seed=5)
    np.testing.assert_allclose(mixed.draw_shares(), plain.draw_shares() / 4 + 0.75 / num_source, rtol=1e-9, atol=1e-15)
    everything = borrowing_of(problem, DrawRule(0.25, True, 1.0), "all")
    np.testing.assert_allclose(everything.draw_shares(), np.full(num_source, 1 / num_source))


def test_a_pool_with_repeats_keeps_them_unless_drawing_is_uniform():
    labels, rows = np.array([0, 0, 1, 1, 2], np.int32), np.array([1, 1, 1, 4], np.int32)
    selector = Selector("class_importance", None, 2, SourceClasses(labels, 3), pool=rows)
    counts = np.full(2, 4)
    assert selector.borrow(counts).draw_shares().tolist() == [0, 0.75, 0, 0, 0.25]
    assert selector.drawing(DrawRule(cap=1.2)).borrow(counts).draw_shares() == pytest.approx([0, 0.6, 0, 0, 0.4])
    assert selector.drawing(DrawRule(uniform=True)).borrow(counts).draw_shares().tolist() == [0, 0.5, 0, 0, 0.5]
    mixed = selector.drawing(DrawRule(0.5)).borrow(counts).draw_shares()
    assert mixed == pytest.approx([0.1, 0.475, 0.1, 0.1, 0.225])


def test_classes_too_small_to_count_leave_the_rest_of_the_source():
    labels, rows = np.array([0, 1, 1, 1], np.int32), np.array([0, 0], np.int32)
    selector = Selector("class_importance", None, 1, SourceClasses(labels, 2, 2), pool=rows).drawing(DrawRule(0.5))
    assert selector.borrow(np.array([2])).draw_shares() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])


def test_a_hub_by_hand():
    # Row 0 is a neighbor of all four; alone it would be every second draw.
    table = np.array([[0, 1], [0, 2], [0, 3], [0, 4]], np.int32)
    problem = table, np.zeros(5, np.int32), np.full(4, 2)
    assert borrowing_of(problem, DrawRule()).draw_shares() == pytest.approx([0.5, 0.125, 0.125, 0.125, 0.125])
    borrowing = borrowing_of(problem, DrawRule(cap=1.5))
    assert borrowing.draw_shares() == pytest.approx([0.3, 0.175, 0.175, 0.175, 0.175])
    exchange = borrowing.pools.exchange
    assert exchange.stays == pytest.approx([0.6, 1, 1, 1, 1])
    assert exchange.cumulative == pytest.approx([0, 0.25, 0.5, 0.75, 1])
