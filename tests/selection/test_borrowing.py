"""Selectors, unions and pools against oracles made of Python sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.selection import Selector, SourceClasses, classes_with_enough, smallest_k, union_mask


@st.composite
def problems(draw):
    """A neighbor table of distinct rows per line, labels and a K per line."""
    seed, lines = draw(st.integers(0, 10_000)), draw(st.integers(1, 6))
    num_source = draw(st.integers(2, 30))
    k_max = draw(st.integers(1, num_source))
    rng = np.random.default_rng(seed)
    table = np.stack([rng.permutation(num_source)[:k_max] for _ in range(lines)]).astype(np.int32)
    labels = rng.integers(0, 4, num_source).astype(np.int32)
    counts = rng.integers(1, k_max + 1, lines).astype(np.int32)
    return table, labels, counts


def pool(borrowing, i):
    start, length = borrowing.pools.starts[i], borrowing.pools.lengths[i]
    return borrowing.pools.rows[start : start + length].tolist()


def union_of(table, counts):
    return set().union(*(set(line[:k].tolist()) for line, k in zip(table, counts, strict=True)))


@given(problems(), st.integers(0, 4), st.booleans())
def test_nearest_matches_sets(problem, least, compiled):
    table, labels, counts = problem
    union = union_of(table, counts)
    sizes = np.bincount(labels[sorted(union)], minlength=4)
    kept = sizes >= max(least, 1)
    selector = Selector("nearest", table, len(table), SourceClasses(labels, 4, least), compiled=compiled)
    if not kept.any():
        with pytest.raises(InputError, match="No source class"):
            selector.borrow(counts)
        return
    borrowing = selector.borrow(counts)
    assert borrowing.union.tolist() == sorted(r for r in union if kept[labels[r]])
    assert borrowing.kept_classes.tolist() == kept.tolist()
    np.testing.assert_array_equal(borrowing.source_labels, np.where(kept[labels], labels, -1))
    for i, k in enumerate(counts):
        own = table[i, :k].tolist()
        assert pool(borrowing, i) == ([r for r in own if kept[labels[r]]] or own)
    assert borrowing.summary()["union_size"] == len(borrowing.union)


@given(problems())
def test_random_has_the_size_of_nearest_and_grows_by_inclusion(problem):
    table, labels, counts = problem
    random = Selector("random", table, len(table), SourceClasses(labels, 4), seed=3)
    first = random.borrow(counts)
    assert len(first.union) == len(union_of(table, counts))
    assert pool(first, 0) == first.union.tolist()
    more = random.borrow(np.full_like(counts, table.shape[1]))
    assert set(first.union) <= set(more.union)
    again = Selector("random", table, len(table), SourceClasses(labels, 4), seed=3).borrow(counts)
    np.testing.assert_array_equal(first.union, again.union)


def test_all_borrows_everything_for_everyone():
    labels = np.array([0, 1, 1, 2, 2], np.int32)
    selector = Selector("all", None, 3, SourceClasses(labels, 3, least_sample_per_class=2))
    borrowing = selector.borrow(np.full(3, selector.k_max))
    assert borrowing.union.tolist() == [1, 2, 3, 4]
    assert [pool(borrowing, i) for i in range(3)] == [[1, 2, 3, 4]] * 3
    assert borrowing.source_labels.tolist() == [-1, 1, 1, 2, 2]


@given(problems(), st.integers(1, 30))
def test_smallest_k_is_the_smallest(problem, wanted):
    table, labels, _ = problem
    num_source, lines, k_max = len(labels), len(table), table.shape[1]
    k0, size = smallest_k(table, num_source, wanted)
    sizes = [len(union_of(table, [k] * lines)) for k in range(1, k_max + 1)]
    reaching = [k for k, s in enumerate(sizes, 1) if s >= wanted]
    assert k0 == (reaching[0] if reaching else k_max)
    assert size == sizes[k0 - 1]


def test_compiled_loops_in_threads_are_the_operations_of_a_device(rng):
    lines, k_max, num_source = 3000, 7, 500
    table = np.stack([rng.permutation(num_source)[:k_max] for _ in range(lines)]).astype(np.int32)
    labels, counts = rng.integers(0, 60, num_source), rng.integers(1, k_max + 1, lines)
    compiled, on_device = (
        Selector("nearest", table, lines, SourceClasses(labels, 60, 6), compiled=compiled).borrow(counts)
        for compiled in (True, False)
    )
    assert not compiled.kept_classes.all()
    for a, b in zip(
        (*compiled.pools[:3], compiled.union, compiled.kept_classes, compiled.source_labels),
        (*on_device.pools[:3], on_device.union, on_device.kept_classes, on_device.source_labels),
        strict=True,
    ):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_union_mask_and_classes_by_hand():
    table = np.array([[4, 0, 1], [4, 2, 3]], np.int32)
    union = union_mask(table, np.array([1, 2]), 6)
    assert union.numpy().tolist() == [False, False, True, False, True, False]
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert classes_with_enough(union, labels, 4, 0).numpy().tolist() == [False, True, True, False]
    assert classes_with_enough(union, labels, 4, 2).numpy().tolist() == [False] * 4


def test_what_cannot_be_borrowed_is_refused():
    labels = np.zeros(3, np.int32)
    table = np.array([[0, 1]], np.int32)
    with pytest.raises(InputError, match="one of auto, nearest, .*, none. Received: 'closest'"):
        Selector("closest", table, 1, SourceClasses(labels, 1))
    with pytest.raises(InputError, match="needs a neighbor table"):
        Selector("random", None, 1, SourceClasses(labels, 1))
    for counts in ([0], [3], [1, 1]):
        with pytest.raises(InputError, match="between 1 and 2"):
            Selector("nearest", table, 1, SourceClasses(labels, 1)).borrow(np.array(counts))
