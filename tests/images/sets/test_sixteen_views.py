"""Sixteen views: the plain one, windows of 4/9 of the area, two turned ones, and all mirrored."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import SixteenViews, View


def test_what_they_show(rng):
    image = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    views = SixteenViews(12, 8)(image).numpy()
    assert views.shape == (16, 8, 8, 3)
    np.testing.assert_array_equal(views[0], View(12, 8)(image))
    windows = [image[a : a + 8, b : b + 8] for a, b in [(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)]]
    np.testing.assert_array_equal(views[1:6], np.stack(windows))
    np.testing.assert_array_equal(views[8:], views[:8, :, ::-1])
    # Turned to either side: of an image that is even about its upright axis, one is the other mirrored.
    even = np.concatenate([image[:, :6], image[:, 5::-1]], axis=1)
    turned = SixteenViews(12, 12)(even).numpy()
    np.testing.assert_allclose(turned[6], turned[7][:, ::-1], atol=0.05)
    assert np.abs(turned[6] - turned[0]).max() > 10


def test_an_image_of_one_pixel_is_refused():
    with pytest.raises(InputError, match="Sixteen views need an image to cut from"):
        SixteenViews(1, 1)
