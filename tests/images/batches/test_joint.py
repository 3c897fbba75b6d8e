"""The joint stream: passes, pairing, labels, and the same batches from any step on."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import Augmentation, ImageSet
from sjft_tf.images.batches.joint import Pools, SourceStream, joint_dataset, source_row_at
from sjft_tf.images.batches.order import BatchComposition, round_order, target_row_at
from sjft_tf.images.batches.positions import BatchPlan, BatchShard

PLAIN = Augmentation(resize=(4, 4), crop=4, mirror=False)
BATCHES = BatchPlan(batch_size=4, first_step=0, steps=6)


def numbered(count, classes, offset=0):
    """Images whose pixels say which row they are."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None] + offset, (count, 4, 4, 3))
    return ImageSet.from_arrays("numbered", images.copy(), np.arange(count) % classes, [str(c) for c in range(classes)])


def batches(plan=BATCHES, seed=0, augmentation=PLAIN, labels=None, **options):
    target, source = numbered(5, 2), numbered(20, 3, offset=100)
    pools = Pools(np.array([0, 1, 5, 7, 8, 9, 19], np.int32), np.array([0, 2, 3, 4, 6]), np.array([2, 1, 1, 2, 1]))
    labels = source.labels if labels is None else labels
    stream = SourceStream(source, pools, labels)
    dataset = joint_dataset(target, stream, augmentation, plan, seed=seed, **options)
    assert dataset.cardinality() == plan.steps * plan.shard.local
    return list(dataset.as_numpy_iterator())


def test_rows_of_many_positions_at_once_are_those_of_each():
    positions = tf.range(40, dtype=tf.int64)
    rows = target_row_at(positions, 13, 3)
    assert rows.numpy().tolist() == [int(target_row_at(p, 13, 3)) for p in positions]
    pools = Pools(np.arange(50, dtype=np.int32), np.arange(13) * 3, np.arange(13) + 1)
    source_rows = source_row_at(positions, rows, pools, 3)
    assert source_rows.numpy().tolist() == [
        int(source_row_at(p, row, pools, 3)) for p, row in zip(positions, rows, strict=True)
    ]


def test_neighbors_are_drawn_uniformly_from_the_own_pool():
    pools = Pools(np.arange(10, dtype=np.int32), np.array([0, 7]), np.array([7, 3]))
    for row, own in ((0, range(7)), (1, range(7, 10))):
        drawn = source_row_at(tf.range(700, dtype=tf.int64), tf.fill([700], row), pools, 0).numpy()
        counts = np.bincount(drawn, minlength=10)
        assert set(np.flatnonzero(counts)) == set(own)
        expected = 700 / len(own)
        assert (abs(counts[list(own)] - expected) < 5 * np.sqrt(expected)).all()


def test_halves_pairs_and_labels():
    pools = [[0, 1], [5], [7], [8, 9], [19]]
    for images, labels in batches():
        assert images.shape == (8, 4, 4, 3)
        assert images.dtype == np.float32
        target_rows, source_rows = images[:4, 0, 0, 0].astype(int), images[4:, 0, 0, 0].astype(int) - 100
        assert all(s in pools[t] for t, s in zip(target_rows, source_rows, strict=True))
        assert labels["target"].tolist() == [*(target_rows % 2), -1, -1, -1, -1]
        assert labels["source"].tolist() == [-1, -1, -1, -1, *(source_rows % 3)]
        assert labels["target"].dtype == labels["source"].dtype == np.int32


def test_dropped_classes_take_no_part():
    for _, labels in batches(labels=np.full(20, -1, np.int32)):
        assert (labels["source"] == -1).all()


def test_any_step_can_be_the_first():
    augmentation = Augmentation(resize=(4, 6), crop=4, pad=1)
    whole = batches(augmentation=augmentation)
    rest = batches(BatchPlan(4, first_step=4, steps=2), augmentation=augmentation)
    for (a, x), (b, y) in zip(whole[4:], rest, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(x["target"], y["target"])
        np.testing.assert_array_equal(x["source"], y["source"])


def test_seeds_differ():
    assert any((a[0] != b[0]).any() for a, b in zip(batches(seed=0), batches(seed=1), strict=True))


def test_without_a_source_only_the_target_comes():
    dataset = joint_dataset(numbered(5, 2), None, PLAIN, BatchPlan(5, first_step=0, steps=2), seed=0)
    for images, labels in dataset.as_numpy_iterator():
        assert images.shape == (5, 4, 4, 3)
        assert list(labels) == ["target"]
        assert sorted(images[:, 0, 0, 0]) == [0, 1, 2, 3, 4]


SHIFTED = Augmentation(resize=(4, 6), crop=4, pad=1)


def rows_of(element):
    """One record of pixels and labels for each row of a batch, halves kept apart."""
    images, labels = element
    half = len(images) // 2
    records = [(x.tobytes(), t, s) for x, t, s in zip(images, labels["target"], labels["source"], strict=True)]
    return records[:half], records[half:]


@pytest.mark.parametrize("locals_", [[3], [1, 2], [1, 1, 1]], ids=str)
def test_the_parts_of_all_devices_are_the_whole_batch(locals_):
    plan = BatchPlan(batch_size=6, first_step=2, steps=3)
    whole = batches(plan, augmentation=SHIFTED)
    firsts = np.cumsum([0, *locals_])
    parts = [
        batches(plan._replace(shard=BatchShard(3, int(first), local)), augmentation=SHIFTED)
        for first, local in zip(firsts, locals_, strict=False)
    ]
    for step, element in enumerate(whole):
        targets, sources = [], []
        for part, local in zip(parts, locals_, strict=True):
            for own in part[step * local : (step + 1) * local]:
                assert own[0].shape == (4, 4, 4, 3)
                for half, rows in zip((targets, sources), rows_of(own), strict=True):
                    half += rows
        assert (targets, sources) == rows_of(element)


def test_micro_batches_of_a_step_follow_each_other():
    together = batches(BatchPlan(2, first_step=1, steps=2, accumulate=3), augmentation=SHIFTED)
    one_by_one = batches(BatchPlan(2, first_step=3, steps=6), augmentation=SHIFTED)
    for step, (images, labels) in enumerate(together):
        assert images.shape == (3, 4, 4, 4, 3)
        assert labels["target"].shape == labels["source"].shape == (3, 4)
        for micro in range(3):
            wanted = one_by_one[3 * step + micro]
            assert rows_of((images[micro], {k: v[micro] for k, v in labels.items()})) == rows_of(wanted)


def test_micro_batches_are_divided_among_devices():
    plan = BatchPlan(batch_size=4, first_step=0, steps=2, accumulate=2)
    whole = batches(plan)
    parts = batches(plan._replace(shard=BatchShard(2, 0, 2)))
    for step, (images, labels) in enumerate(whole):
        (a, x), (b, y) = parts[2 * step : 2 * step + 2]
        np.testing.assert_array_equal(np.concatenate([a[:, :2], b[:, :2], a[:, 2:], b[:, 2:]], 1), images)
        for head, wanted in labels.items():
            p, q = x[head], y[head]
            np.testing.assert_array_equal(np.concatenate([p[:, :2], q[:, :2], p[:, 2:], q[:, 2:]], 1), wanted)


def test_the_target_alone_is_divided_too():
    plan = BatchPlan(batch_size=4, first_step=1, steps=2)

    def alone(plan):
        return list(joint_dataset(numbered(5, 2), None, PLAIN, plan, seed=0).as_numpy_iterator())

    whole = [images for images, _ in alone(plan)]
    parts = [images for images, _ in alone(plan._replace(shard=BatchShard(2, 0, 2)))]
    np.testing.assert_array_equal(np.concatenate(parts), np.concatenate(whole))
    images, labels = alone(plan._replace(accumulate=2))[0]
    assert images.shape == (2, 4, 4, 4, 3)
    assert labels["target"].shape == (2, 4)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"shard": BatchShard(3, 0, 3)}, "4 target images cannot be divided equally among 3 devices"),
        ({"shard": BatchShard(2, 1, 2)}, "`shard` must name"),
        ({"shard": BatchShard(2, -1, 1)}, "`shard` must name"),
        ({"shard": BatchShard(2, 0, 0)}, "`shard` must name"),
        ({"accumulate": 0}, "accumulate=0"),
    ],
)
def test_a_batch_that_cannot_be_divided_is_refused(changes, named):
    with pytest.raises(InputError, match=named):
        batches(BATCHES._replace(**changes))


def test_a_made_up_round_can_begin_at_any_step():
    hard = np.array([False, True, False, False, True])
    composition = BatchComposition(first_step=3, hard=hard, hard_repeats=2, max_per_class=2)
    whole = batches(BatchPlan(4, first_step=3, steps=6), augmentation=SHIFTED, composition=composition)
    order = round_order(np.arange(5) % 2, composition, batch_size=4, first=12, count=24, seed=0)
    assert [int(label) for _, labels in whole for label in labels["target"][:4]] == [int(row % 2) for row in order]
    plan = BatchPlan(4, first_step=7, steps=2)
    rest = batches(plan, augmentation=SHIFTED, composition=composition)
    assert [rows_of(element) for element in whole[4:]] == [rows_of(element) for element in rest]
    shard = BatchShard(2, 0, 2)
    parts = batches(plan._replace(shard=shard), augmentation=SHIFTED, composition=composition)
    assert [rows_of(element)[0] for element in whole[4:]] == [
        rows_of(a)[0] + rows_of(b)[0] for a, b in zip(parts[::2], parts[1::2], strict=True)
    ]


def test_a_make_up_that_asks_for_nothing_changes_nothing():
    plain = [rows_of(element) for element in batches()]
    for composition in (
        BatchComposition(0),
        BatchComposition(0, np.zeros(5, bool), 3),
        BatchComposition(0, None, 3),
        BatchComposition(0, np.ones(5, bool)),
    ):
        assert composition.plain
        assert [rows_of(element) for element in batches(composition=composition)] == plain
