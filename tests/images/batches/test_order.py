"""The order of the target: passes, hard images more often, few of a class in a batch."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.batches.order import BatchComposition, check_max_per_class, round_order, target_row_at


@given(st.integers(1, 40), st.integers(0, 2**31 - 1), st.integers(0, 3))
def test_every_pass_visits_every_row_once(count, seed, first_pass):
    rows = target_row_at(first_pass * count + tf.range(count, dtype=tf.int64), count, seed).numpy()
    assert sorted(rows) == list(range(count))


def test_passes_come_in_different_orders():
    rows = target_row_at(tf.range(160, dtype=tf.int64), 8, 1).numpy()
    assert len({tuple(order) for order in rows.reshape(20, 8)}) > 15


@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 3), st.data())
def test_hard_images_come_so_many_more_times_in_every_pass(count, repeats, passes, data):
    hard = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    hard[0] = True
    wanted = 1 + repeats * hard
    length = int(wanted.sum())
    total = length * (passes + 1)
    order = round_order(
        np.zeros(count, int), BatchComposition(5, hard, repeats), batch_size=1, first=20, count=total, seed=7
    )
    assert order.dtype == np.int32
    for number in range(passes + 1):
        own = order[number * length : (number + 1) * length]
        assert np.bincount(own, minlength=count).tolist() == wanted.tolist()


def test_rounds_have_orders_of_their_own():
    composition = BatchComposition(0, np.arange(10) < 3, 2)
    orders = {
        round_order(np.zeros(10, int), composition, batch_size=4, first=first, count=16, seed=seed).tobytes()
        for first in (0, 16, 32)
        for seed in (0, 1)
    }
    assert len(orders) == 6


def limited(labels, rows, batch_size, limit, count, most):
    """The rule written plainly: of what waits and then of what comes, the first whose class has room."""
    rows, waiting, order = iter(rows), [], []
    while len(order) < count:
        batch = []

        def fits(row, batch=batch):
            return sum(labels[other] == labels[row] for other in batch) < limit

        for row in list(waiting):
            if len(batch) < batch_size and fits(row):
                batch.append(row)
                waiting.remove(row)
        while len(batch) < batch_size:
            row = next(rows)
            if fits(row):
                batch.append(row)
            elif sum(labels[other] == labels[row] for other in waiting) < most[labels[row]]:
                waiting.append(row)
        order += batch
    return order


@given(st.integers(1, 4), st.integers(2, 25), st.integers(1, 4), st.integers(1, 10), st.data())
def test_no_batch_has_more_of_a_class(classes, count, limit, batch_size, data):
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)))
    batch_size = min(batch_size, limit * len(np.unique(labels)))
    hard = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    composition = BatchComposition(1, hard, data.draw(st.integers(0, 2)), limit)
    total = 6 * batch_size
    arguments = {"batch_size": batch_size, "first": batch_size, "seed": 3}
    order = round_order(labels, composition, count=total, **arguments)
    for batch in labels[order].reshape(-1, batch_size):
        assert np.bincount(batch).max() <= limit
    unlimited = round_order(labels, composition._replace(max_per_class=0), count=3000, **arguments)
    most = np.bincount(labels, 1 + hard * composition.hard_repeats)
    # Both keep a class's own rows in the order they were drawn, so a row that waits twice makes no difference.
    assert order.tolist() == limited(labels, unlimited.tolist(), batch_size, limit, total, most)
    np.testing.assert_array_equal(
        order[: 3 * batch_size], round_order(labels, composition, count=total // 2, **arguments)
    )


def test_without_hard_images_a_round_goes_on_where_the_last_one_ended():
    order = round_order(np.arange(7), BatchComposition(2, max_per_class=7), batch_size=7, first=10, count=21, seed=1)
    wanted = target_row_at(tf.range(10, 31, dtype=tf.int64), 7, 1)
    np.testing.assert_array_equal(order, wanted)


def test_too_few_classes_for_the_limit_are_refused():
    check_max_per_class(np.array([0, 1, 1]), 4, 2)
    check_max_per_class(np.array([0, 1, 1]), 40, 0)
    with pytest.raises(
        InputError, match="--max_per_class=2 leaves at most 4 target images of 2 classes for a batch of 5"
    ):
        check_max_per_class(np.array([0, 1, 1]), 5, 2)
    with pytest.raises(InputError, match="--max_per_class=1"):
        round_order(np.array([0, 1]), BatchComposition(0, None, 0, 1), batch_size=3, first=0, count=3, seed=0)
