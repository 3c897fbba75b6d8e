import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.augment import RandAugment, randaugment
from sjft_tf.images.augment.randaugment import OPERATIONS


@pytest.fixture
def image(rng):
    return tf.constant(rng.integers(20, 200, (20, 20, 3)), tf.float32)


def test_the_papers_fourteen_each_with_its_own_result(image):
    assert len(OPERATIONS) == 14
    results = {one(image, 0.9, tf.constant(1.0)).numpy().round(2).tobytes() for one in OPERATIONS.values()}
    assert len(results) == 14


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"autocontrast", "equalize"}))
def test_without_strength_nothing_changes(image, name):
    for sign in (-1.0, 1.0):
        np.testing.assert_allclose(OPERATIONS[name](image, 0.0, tf.constant(sign)), image, atol=0.01)


def test_signs_go_both_ways(image):
    for name in ("rotate", "shear_x", "shear_y", "translate_x", "translate_y", "color", "contrast", "sharpness"):
        there, back = (OPERATIONS[name](image, 0.5, tf.constant(sign)).numpy() for sign in (1.0, -1.0))
        assert abs(there - back).max() > 1


def test_operations_are_drawn_alike_and_one_after_the_other(monkeypatch, changed):
    # Operation i makes x into 15 x + i + 1 here, so that the result names all that was done, in order.
    def named(number):
        return lambda image, strength, sign: 15 * image + number + 1

    for number, name in enumerate(OPERATIONS):
        monkeypatch.setitem(randaugment.OPERATIONS, name, named(number))
    images = changed(RandAugment(2, 5), np.zeros((1, 1, 3), np.float32), 700)
    values = images[:, 0, 0, 0].astype(int)
    for drawn in (values // 15 - 1, values % 15 - 1):
        counts = np.bincount(drawn, minlength=14)
        assert counts.shape == (14,)
        assert abs(counts - 50).max() < 35
    assert (values // 15 == values % 15).sum() == pytest.approx(50, abs=35)


@pytest.mark.parametrize(("count", "magnitude"), [(0, 5), (1, -0.1), (2, 10.1)])
def test_refuses(count, magnitude):
    with pytest.raises(InputError, match="`count` must be at least 1 and `magnitude` between 0 and 10"):
        RandAugment(count, magnitude)
