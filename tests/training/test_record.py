"""What a round records for reports, against the rule written out."""

from types import SimpleNamespace

import numpy as np
import pytest

from sjft_tf.selection import Selector, SourceClasses
from sjft_tf.training.record import round_record

NEIGHBORS = np.array([[0, 1, 2], [2, 3, 0], [4, 5, 0]], np.int32)
LABELS = np.array([0, 0, 1, 1, 2, 2])


def expected_shares(counts):
    shares = np.zeros(6)
    for line, count in zip(NEIGHBORS, counts, strict=True):
        shares[line[:count]] += 1 / count / len(counts)
    return shares


@pytest.mark.parametrize("counts", [[1, 1, 1], [1, 3, 2], [3, 3, 3]])
def test_draw_shares_are_the_mean_over_target_images(counts):
    borrowing = Selector("nearest", NEIGHBORS, 3, SourceClasses(LABELS, 3)).borrow(np.array(counts))
    np.testing.assert_allclose(borrowing.draw_shares(), expected_shares(counts), atol=1e-15)


@pytest.mark.parametrize("name", ["random", "all"])
def test_draw_shares_of_one_pool_are_even(name):
    borrowing = Selector(name, NEIGHBORS, 3, SourceClasses(LABELS, 3)).borrow(np.array([1, 2, 1]))
    shares = borrowing.draw_shares()
    np.testing.assert_allclose(shares[borrowing.union], 1 / len(borrowing.union))
    assert shares.sum() == pytest.approx(1)


def test_the_record():
    mining = SimpleNamespace(entropy=np.array([0.1, 0.2, 0.3]), predicted=np.arange(3), wrong=np.array([0, 1, 0], bool))
    counts = np.array([1, 3, 2], np.int32)
    borrowing = Selector("nearest", NEIGHBORS, 3, SourceClasses(LABELS, 3)).borrow(counts)
    record = round_record(np.array([0, 0, 2]), mining, counts, borrowing)
    shares = expected_shares(counts)
    np.testing.assert_allclose(record["class_share"], [shares[:2].sum(), shares[2:4].sum(), shares[4:].sum()])
    np.testing.assert_array_equal(record["class_images"], [1, 2, 2])
    np.testing.assert_array_equal(record["drawn_rows"], np.argsort(-shares, kind="stable")[:5])  # row 1 is never drawn
    np.testing.assert_allclose(record["drawn_share"], shares[record["drawn_rows"]])
    np.testing.assert_array_equal(record["counts"], counts)
    plain = round_record(np.array([0, 0, 2]), mining, counts, None)
    assert set(plain) == {"entropy", "predicted", "wrong", "labels"}
