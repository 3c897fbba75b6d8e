"""The joint stream with mixed target images: source rows stay, any step can be first, parts mix among themselves."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import Augmentation, BatchPlan, BatchShard, ImageSet, Mixing, Pools, SourceStream, joint_dataset

PLAIN = Augmentation(resize=(4, 4), crop=4, mirror=False)
MIXING = Mixing(mixup=1.0, cutmix=1.0)


def numbered(count, offset):
    """Images whose pixels say which row they are; the row is the label too."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None] + offset, (count, 4, 4, 3))
    return ImageSet.from_arrays("numbered", images.copy(), np.arange(count))


def batches(plan, mixing=MIXING, source=True):
    stream = None
    if source:
        borrowed = numbered(6, 100)
        pools = Pools(np.arange(6, dtype=np.int32), np.zeros(5, np.int64), np.full(5, 6))
        stream = SourceStream(borrowed, pools, borrowed.labels)
    return list(joint_dataset(numbered(5, 0), stream, PLAIN, plan, seed=2, mixing=mixing).as_numpy_iterator())


def assert_mixed(images, labels):
    """The target's rows have the mean that labels, partners and shares say."""
    own, other, share = labels["target"], labels["partner"], labels["share"]
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), share * own + (1 - share) * other, atol=1e-5)
    assert sorted(own) == sorted(other)
    assert (labels["partner"].dtype, labels["share"].dtype) == (np.int32, np.float32)


def test_target_rows_are_mixed_and_source_rows_stay():
    plan = BatchPlan(4, first_step=0, steps=12)
    shares = []
    for (images, labels), (plain, before) in zip(batches(plan), batches(plan, None), strict=True):
        assert set(before) == {"target", "source"}
        np.testing.assert_array_equal(images[4:], plain[4:])
        for head, wanted in before.items():
            np.testing.assert_array_equal(labels[head], wanted)
        assert (labels["partner"][4:] == -1).all()
        assert (labels["share"][4:] == 1).all()
        assert_mixed(images[:4], {name: values[:4] for name, values in labels.items()})
        shares.append(labels["share"][0])
    assert len(set(shares)) > 6


def test_any_step_can_be_the_first():
    whole, rest = (batches(BatchPlan(4, first, steps, accumulate=2)) for first, steps in ((0, 4), (2, 2)))
    for (a, x), (b, y) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(a, b)
        for name, values in x.items():
            np.testing.assert_array_equal(values, y[name])


def test_micro_batches_and_parts_of_devices_mix_among_themselves():
    for plan in (
        BatchPlan(4, first_step=0, steps=2, accumulate=2),
        BatchPlan(4, first_step=0, steps=2, shard=BatchShard(2, 0, 2), accumulate=2),
    ):
        found = batches(plan, source=False)
        assert len(found) == plan.elements
        for images, labels in found:
            assert set(labels) == {"target", "partner", "share"}
            assert images.shape == (2, plan.per_replica, 4, 4, 3)
            for micro in range(2):
                assert_mixed(images[micro], {name: values[micro] for name, values in labels.items()})


def test_a_part_of_one_image_is_refused():
    with pytest.raises(InputError, match="which is 1 of --batch_size=2"):
        batches(BatchPlan(2, first_step=0, steps=1, shard=BatchShard(2, 0, 1)))
