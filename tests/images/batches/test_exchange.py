"""What is drawn beside the pools: the shares that the exchange says, a pure function of seed and position."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.images.batches.joint import Exchange, Pools, SourceStream, joint_dataset, source_row_at
from sjft_tf.images.batches.positions import BatchPlan

from .test_joint import PLAIN, numbered

POOLS = Pools(np.array([0, 1, 2, 5], np.int32), np.array([0, 3]), np.array([3, 1]))
STAYS = np.array([1.0, 0.25, 0.0, 1.0, 1.0, 0.5])
MIXED = POOLS._replace(exchange=Exchange(STAYS, np.array([1, 3, 4], np.int32), np.array([0.125, 0.125, 1.0])))


@pytest.mark.parametrize(("target_row", "own"), [(0, [0, 1, 2]), (1, [5])])
def test_rows_are_drawn_as_often_as_they_should(target_row, own):
    count = 20_000
    drawn = source_row_at(tf.range(count, dtype=tf.int64), tf.fill([count], target_row), MIXED, 7).numpy()
    expected = np.zeros(6)
    expected[own] = STAYS[own] / len(own)
    expected[[1, 4]] += (1 - expected.sum()) * np.array([0.125, 0.875])
    counts = np.bincount(drawn, minlength=6)
    assert set(np.flatnonzero(counts)) == set(np.flatnonzero(expected))
    assert (abs(counts - count * expected) <= 5 * np.sqrt(count * expected)).all()


def test_rows_of_many_positions_at_once_are_those_of_each():
    positions, rows = tf.range(60, dtype=tf.int64), tf.cast(tf.range(60) % 2, tf.int32)
    together = source_row_at(positions, rows, MIXED, 3)
    assert together.dtype == tf.int32
    assert together.numpy().tolist() == [
        int(source_row_at(p, row, MIXED, 3)) for p, row in zip(positions, rows, strict=True)
    ]


def test_what_stays_is_what_would_have_been_drawn():
    positions, rows = tf.range(500, dtype=tf.int64), tf.zeros([500], tf.int32)
    without = source_row_at(positions, rows, POOLS, 3).numpy()
    never = MIXED._replace(exchange=MIXED.exchange._replace(stays=np.ones(6)))
    assert (source_row_at(positions, rows, never, 3).numpy() == without).all()
    mixed = source_row_at(positions, rows, MIXED, 3).numpy()
    assert (mixed[without == 0] == 0).all()
    assert np.isin(mixed[without == 2], [1, 4]).all()


def test_a_stream_goes_on_at_any_step_as_it_would_have():
    target, source = numbered(2, 2), numbered(6, 3, offset=100)

    def batches(first, steps):
        stream, plan = (
            SourceStream(source, MIXED, source.labels),
            BatchPlan(batch_size=4, first_step=first, steps=steps),
        )
        return [images for images, _ in joint_dataset(target, stream, PLAIN, plan, seed=1).as_numpy_iterator()]

    whole = batches(0, 6)
    np.testing.assert_array_equal(np.concatenate(whole[4:]), np.concatenate(batches(4, 2)))
    rows = np.concatenate(whole)[:, 0, 0, 0].reshape(6, 8)[:, 4:].astype(int) - 100
    assert set(rows.ravel()) - {0, 1, 5} <= {4}
    assert 4 in rows
