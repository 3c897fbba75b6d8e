import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.augment import Cutout, cutout


@given(st.integers(0, 5), st.integers(0, 6), st.integers(1, 9))
def test_the_square_is_around_its_middle_and_cut_off_at_the_border(row, column, side):
    image = np.arange(6 * 7 * 3, dtype=np.float32).reshape(6, 7, 3)
    wanted = image.copy()
    top, left = row - side // 2, column - side // 2
    wanted[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 127.5
    np.testing.assert_array_equal(cutout.hide(image, tf.constant(row), tf.constant(column), side), wanted)


def test_every_pixel_is_the_middle_about_as_often(changed):
    images = changed(Cutout(1), np.zeros((3, 3, 3), np.float32), 900)[..., 0]
    hidden = (images > 0).sum(0)
    assert hidden.sum() == 900
    assert abs(hidden - 100).max() < 50


def test_refuses():
    with pytest.raises(InputError, match="`side` must be at least 1"):
        Cutout(0)
