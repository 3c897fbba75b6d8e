"""The running list of the k smallest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.retrieval.topk import RunningTopK


def oracle(distances, rows, k):
    order = [np.lexsort((rows, line))[:k] for line in distances]
    return np.stack([rows[o] for o in order]), np.stack([line[o] for line, o in zip(distances, order, strict=True)])


def offer(best, distances, rows):
    """Offers float32 distances [queries, n] in the form the search has them in."""
    zeros = np.zeros(len(distances), np.float32)
    best.offer(rows, np.ascontiguousarray(-2 * distances.T), np.zeros(len(rows), np.float32), zeros)


@given(st.data())
def test_any_order_any_blocks_many_ties(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    queries = data.draw(st.sampled_from([1, 3, 8, 70]))
    size = data.draw(st.integers(1, 60))
    k = data.draw(st.integers(1, size))
    slack = data.draw(st.integers(1, 20))
    distances = rng.integers(0, 5, (queries, size)).astype(np.float32) / 4
    rows = rng.permutation(1000)[:size].astype(np.int32)
    best = RunningTopK(queries, k, slack)
    start = 0
    while start < size:
        stop = start + data.draw(st.integers(1, 30))
        offer(best, distances[:, start:stop], rows[start:stop])
        if data.draw(st.booleans()):  # a search broken off here and continued elsewhere
            state, best = best.state(), RunningTopK(queries, k, data.draw(st.integers(1, 20)))
            best.restore(state)
        start = stop
    for result, expected in zip(best.result(), oracle(distances, rows, k), strict=True):
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == expected.dtype


def test_distance_is_half_of_both_own_terms_less_the_product():
    best = RunningTopK(2, 2)
    best.offer(np.int32([7, 3]), np.float32([[1, 9], [2, 0]]), np.float32([5, 4]), np.float32([2, 1]))
    rows, distances = best.result()
    # Rows 7 and 3 to target 0: (2 + 5 - 1) / 2 and (2 + 4 - 2) / 2; to target 1: (1 + 5 - 9) / 2 < 0 and (1 + 4) / 2.
    assert distances.tolist() == [[2, 3], [0, 2.5]]
    assert rows.tolist() == [[3, 7], [7, 3]]


def test_zero_of_either_sign_and_large_rows():
    best = RunningTopK(1, 3)
    offer(best, np.float32([[0.0, -0.0, 1e30, 1e-37]]), np.int32([2**31 - 1, 5, 1, 0]))
    rows, distances = best.result()
    assert rows.tolist() == [[5, 2**31 - 1, 0]]
    assert distances.tolist() == [[0, 0, np.float32(1e-37)]]
    assert not np.signbit(distances).any()


@pytest.mark.parametrize(("k", "first"), [(4, 2), (50, 20), (300, 299), (300, 1)])
def test_lists_that_are_not_full_go_on_after_their_state_was_taken(rng, k, first):
    distances = rng.permutation(3 * 400).reshape(3, 400).astype(np.float32)
    rows = rng.permutation(400).astype(np.int32)
    going, begun = RunningTopK(3, k, 500), RunningTopK(3, k, 500)
    offer(going, distances[:, :first], rows[:first])
    state = going.state()
    begun.restore(rng.permuted(state, axis=1))  # the order within a line means nothing
    for best in (going, begun):
        offer(best, distances[:, first:], rows[first:])
        for result, expected in zip(best.result(), oracle(distances, rows, k), strict=True):
            np.testing.assert_array_equal(result, expected)
