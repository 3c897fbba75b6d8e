"""Mixup and CutMix of a batch: formulas in NumPy, shares that are those of the pixels, one draw a seed."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from sjft_tf.errors import InputError
from sjft_tf.images.augment import Mixing
from sjft_tf.images.augment.mixing import box

ALPHAS = st.sampled_from([1e-3, 0.2, 1.0, 8.0])


def mixed(mixing, images, seed=(7, 0)):
    """Partners are told by labels that are the rows' numbers."""
    result = mixing(tf.constant(images), tf.range(len(images)), tf.constant(seed, tf.int64))
    assert [part.dtype for part in result] == [tf.float32, tf.int32, tf.int32, tf.float32]
    return [part.numpy() for part in result]


def rows_of(count, side):
    """Images whose pixels are the number of their row."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, side, side, 3))


@given(ALPHAS, st.integers(0, 999), st.integers(2, 6))
def test_mixup_is_the_convex_combination_of_an_image_and_its_partner(alpha, seed, count):
    images = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3), np.uint8)
    found, labels, partners, shares = mixed(Mixing(mixup=alpha), images, (seed, 3))
    assert labels.tolist() == sorted(partners.tolist()) == list(range(count))
    assert len(set(shares.tolist())) == 1
    assert 0 <= shares[0] <= 1
    own, other, share = np.float64(images), np.float64(images[partners]), np.float64(shares[0])
    np.testing.assert_allclose(found, share * own + (1 - share) * other, atol=1e-4)
    assert (found >= np.minimum(own, other) - 1e-4).all()
    assert (found <= np.maximum(own, other) + 1e-4).all()


@given(ALPHAS, st.integers(0, 999), st.integers(1, 9))
def test_cutmix_lays_a_box_and_counts_its_pixels(alpha, seed, side):
    images = rows_of(5, side)
    found, labels, partners, shares = mixed(Mixing(cutmix=alpha), images, (seed, 3))
    for picture, label, partner, share in zip(found, labels, partners, shares, strict=True):
        assert (picture == picture[:, :, :1]).all()
        taken = picture[:, :, 0] != label
        assert (picture[:, :, 0][taken] == partner).all()
        if label != partner:
            assert share == np.float32(1 - taken.mean())
            rows, columns = taken.any(axis=1), taken.any(axis=0)
            np.testing.assert_array_equal(taken, np.outer(rows, columns))


@given(st.integers(1, 9), st.floats(0, 1), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_box_is_a_square_around_its_middle_cut_off_at_the_border(side, area, row, column):
    wanted, length = np.zeros((side, side), bool), round(side * np.sqrt(area))
    top, left = (int(place * side) - length // 2 for place in (row, column))
    wanted[max(top, 0) : max(top + length, 0), max(left, 0) : max(left + length, 0)] = True
    np.testing.assert_array_equal(box(side, area, row, column), wanted)


def drawn(mixing, count=500):
    """What `count` seeds draw for 4 images of 8 pixels, made in tf.data: images, labels, partners, shares."""
    images = tf.constant(rows_of(4, 8))
    seeds = tf.data.Dataset.range(count).map(lambda i: mixing(images, tf.range(4), tf.stack([7, i])))
    return next(seeds.batch(count).as_numpy_iterator())


def test_shares_are_drawn_from_beta_and_partners_in_any_order():
    _, _, partners, shares = drawn(Mixing(mixup=0.2))
    assert kstest(shares[:, 0], beta(0.2, 0.2).cdf).pvalue > 0.01
    counts = np.array([[(partners[:, row] == other).sum() for other in range(4)] for row in range(4)])
    assert abs(counts - 125).max() < 50


def test_small_alphas_mix_nothing():
    *_, shares = drawn(Mixing(mixup=1e-4))
    assert (np.minimum(shares, 1 - shares) < 1e-6).mean() > 0.99
    assert (shares == 1).any()
    assert (shares == 0).any()


def test_of_both_each_comes_for_half_of_the_batches():
    images, *_ = drawn(Mixing(mixup=8.0, cutmix=1.0))
    blended = (images % 1 != 0).any(axis=(1, 2, 3, 4))
    assert abs(blended.mean() - 0.5) < 0.07


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.0, 0.0), (-1.0, 2.0), (float("nan"), 1.0)])
def test_refuses(mixup, cutmix):
    with pytest.raises(InputError, match="`mixup` and `cutmix` must be 0 or more, one of them more"):
        Mixing(mixup, cutmix)
