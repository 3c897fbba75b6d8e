"""--sampling=balanced: every class equally often, each image of it in turn, hard images more often, in any company."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.images import Augmentation, BatchPlan, BatchShard, ImageSet, joint_dataset
from sjft_tf.images.batches.order import BatchComposition, round_order

BALANCED = BatchComposition(0, balanced=True)


def order_of(labels, composition=BALANCED, count=60, **changes):
    arguments = {"batch_size": 4, "first": 0, "seed": 3} | changes
    return round_order(np.array(labels), composition, count=count, **arguments)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 80), st.integers(0, 2**31 - 1), st.data())
def test_every_pass_has_one_image_of_every_class_and_a_class_goes_through_its_own(labels, passes, seed, data):
    labels = np.array(labels)
    hard = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    repeats = data.draw(st.integers(0, 2))
    classes = np.unique(labels)
    order = order_of(labels, BatchComposition(2, hard, repeats, 0, True), passes * len(classes), first=8, seed=seed)
    assert order.dtype == np.int32
    assert (np.sort(labels[order].reshape(passes, -1), axis=1) == classes).all()
    times = 1 + repeats * hard
    for label in classes:
        own, length = order[labels[order] == label], int(times[labels == label].sum())
        for cycle in own[: len(own) // length * length].reshape(-1, length):
            assert (np.bincount(cycle, minlength=len(labels)) == np.where(labels == label, times, 0)).all()


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(1, 200), st.integers(1, 200), st.integers(0, 3)
)
def test_a_longer_order_begins_with_the_shorter_one(labels, one, other, limit):
    limit = max(limit, -(-4 // len(set(labels)))) if limit else 0
    composition = BALANCED._replace(max_per_class=limit)
    short, long = (order_of(labels, composition, 4 * count) for count in sorted((one, other)))
    np.testing.assert_array_equal(long[: len(short)], short)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(1, 3), st.integers(1, 9))
def test_few_of_a_class_in_a_batch_and_still_each_equally_often(labels, limit, batch_size):
    labels = np.array(labels)
    classes = len(np.unique(labels))
    batch_size = min(batch_size, limit * classes)
    order = order_of(labels, BALANCED._replace(max_per_class=limit), 30 * batch_size, batch_size=batch_size)
    for batch in labels[order].reshape(-1, batch_size):
        assert np.bincount(batch).max() <= limit
    drawn = np.bincount(labels[order])[np.unique(labels)]
    assert drawn.max() - drawn.min() <= 2 * limit + 2


def test_eighty_to_two_come_half_and_half():
    labels = np.repeat([0, 1], [80, 2])
    order = order_of(labels, count=320)
    assert np.bincount(labels[order]).tolist() == [160, 160]
    assert np.bincount(order).tolist() == [2] * 80 + [80] * 2


def test_rounds_and_seeds_have_orders_of_their_own():
    labels = np.arange(12) % 3
    orders = {order_of(labels, count=24, first=first, seed=seed).tobytes() for first in (0, 24, 48) for seed in (0, 1)}
    assert len(orders) == 6
    long = order_of(labels, count=1200)
    many = len({tuple(cycle) for cycle in long[labels[long] == 1].reshape(-1, 4)})
    assert many > 20  # of 24


def test_one_class_without_images_is_never_drawn():
    assert set(order_of([0, 2, 2, 5]).tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("first_step", [0, 3])
def test_the_stream_goes_on_anywhere_and_is_divided_among_replicas(rng, first_step):
    labels = np.repeat([0, 1, 2], [9, 2, 1])
    images = ImageSet.from_arrays("set", rng.integers(0, 256, (12, 4, 4, 3), dtype=np.uint8), labels)
    augmentation = Augmentation(resize=(4, 4), pad=0, crop=4, mirror=False)

    def drawn(first, steps, shard=None, batch=6):
        plan = BatchPlan(batch, first, steps) if shard is None else BatchPlan(batch, first, steps, shard)
        stream = joint_dataset(images, None, augmentation, plan, seed=1, composition=BatchComposition(0, balanced=True))
        return [(x.numpy(), y["target"].numpy()) for x, y in stream]

    whole = drawn(0, 6)
    assert (np.bincount(np.concatenate([y for _, y in whole])) == 12).all()
    for (x, y), (x2, y2) in zip(whole[first_step:], drawn(first_step, 6 - first_step), strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)
    parts = [drawn(first_step, 1, BatchShard(2, worker, 1))[0] for worker in (0, 1)]
    assert sorted(np.concatenate([y for _, y in parts])) == sorted(whole[first_step][1])
    assert tf.reduce_sum([x.sum() for x, _ in parts]).numpy() == pytest.approx(whole[first_step][0].sum())
