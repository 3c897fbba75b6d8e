"""The running list of the k smallest."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.retrieval.topk import RunningTopK


def oracle(distances, rows, k):
    order = [np.lexsort((rows, line))[:k] for line in distances]
    return np.stack([rows[o] for o in order]), np.stack([line[o] for line, o in zip(distances, order, strict=True)])


@given(st.data())
def test_any_order_any_blocks_many_ties(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = data.draw(st.integers(1, 60))
    k = data.draw(st.integers(1, size))
    slack = data.draw(st.integers(1, 20))
    distances = rng.integers(0, 5, (3, size)).astype(np.float32) / 4
    rows = rng.permutation(1000)[:size].astype(np.int32)
    best = RunningTopK(3, k, slack)
    start = 0
    while start < size:
        stop = start + data.draw(st.integers(1, 30))
        best.offer(distances[:, start:stop], rows[start:stop])
        start = stop
    for found, expected in zip(best.result(), oracle(distances, rows, k), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_zero_of_either_sign_and_large_rows():
    best = RunningTopK(1, 3)
    best.offer(np.float32([[0.0, -0.0, 1e30, 1e-40]]), np.int32([2**31 - 1, 5, 1, 0]))
    rows, distances = best.result()
    assert rows.tolist() == [[5, 2**31 - 1, 0]]
    assert distances.tolist() == [[0, 0, np.float32(1e-40)]]
