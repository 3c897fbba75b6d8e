"""A test part and folds of training images that came without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, fold, hold_out


def make(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    pixels = np.zeros((len(labels), 1, 1), np.uint8) + np.arange(len(labels), dtype=np.uint8)[:, None, None]
    return ImageSet.from_arrays("some", pixels, labels, [f"c{i}" for i in range(len(sizes))])


@given(st.lists(st.integers(2, 9), min_size=1, max_size=4), st.floats(0.01, 0.9), st.integers(0, 3))
def test_a_share_of_each_class_is_held_out(sizes, share, seed):
    images = make(sizes)
    rest, held = hold_out(images, share, seed)
    assert sorted([*rest.ids, *held.ids]) == images.ids.tolist()
    assert held.class_names == rest.class_names == images.class_names
    for size, left, out in zip(sizes, rest.class_counts, held.class_counts, strict=True):
        assert left >= 1
        assert out == max(1, min(round(share * size), size - 1))
    assert hold_out(images, share, seed)[1].fingerprint == held.fingerprint


@given(st.lists(st.integers(3, 9), min_size=1, max_size=5), st.integers(2, 3), st.integers(0, 3))
def test_folds_divide_each_class_evenly(sizes, count, seed):
    images = make(sizes)
    parts = [fold(images, number, count, seed) for number in range(1, count + 1)]
    assert sorted(name for _, one in parts for name in one.ids) == images.ids.tolist()
    for rest, one in parts:
        assert sorted([*rest.ids, *one.ids]) == images.ids.tolist()
        assert rest.class_counts.min() >= 1
    counts = np.stack([one.class_counts for _, one in parts])
    assert np.all(np.ptp(counts, axis=0) <= 1)
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert counts.min() >= 1


def test_the_draw_depends_on_the_seed():
    images = make([20, 20])
    assert len({hold_out(images, 0.3, seed)[1].fingerprint for seed in range(4)}) == 4
    assert len({fold(images, 1, 3, seed)[1].fingerprint for seed in range(4)}) == 4


def test_small_classes_are_named():
    with pytest.raises(InputError, match=r"--holdout_test=0.3 sets .* takes 2 images .* 'c1' \(1\)\. Add images"):
        hold_out(make([3, 1]), 0.3, 0)
    with pytest.raises(InputError, match=r"--validation_fold=1/3 deals .* takes 3 images of each\..* 'c0' \(2\)"):
        fold(make([2, 5]), 1, 3, 0)
