"""The resize that other runtimes compute is the one of the view."""

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.export.portable import square_and_crop
from sjft_tf.images import ASPECT_RATIOS, View, squared


def definition(image, resize):
    """Bilinear with antialiasing: each new pixel the mean under a triangle as wide as the larger pixel, float64."""

    def shares(length):
        scale = length / resize
        centers, at = (np.arange(resize) + 0.5) * scale, np.arange(length) + 0.5
        weights = np.clip(1 - np.abs(at - centers[:, None]) / max(scale, 1), 0, None)
        return weights / weights.sum(axis=1, keepdims=True)

    return np.einsum("ih,hwc,jw->ijc", shares(image.shape[0]), np.float64(image), shares(image.shape[1]))


@pytest.mark.parametrize("size", [(10, 10), (5, 5), (7, 31), (200, 150), (1, 64)])
def test_it_is_the_view_of_images_of_one_size(rng, size):
    images, view = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8), View(10, 7)
    got = square_and_crop(tf.constant(images, tf.float32), 10, 7).numpy()
    np.testing.assert_allclose(got, [view(image) for image in images], atol=2e-3)
    np.testing.assert_allclose(got, [definition(image, 10)[1:8, 1:8] for image in images], atol=2e-3)


@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
@pytest.mark.parametrize("size", [(10, 10), (5, 8), (31, 7), (90, 151), (1, 6)])
def test_it_makes_the_same_squares(rng, size, aspect_ratio):
    images, view = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8), View(10, 7)
    got = tf.function(square_and_crop)(tf.constant(images, tf.float32), 10, 7, aspect_ratio).numpy()
    np.testing.assert_allclose(got, [view(squared(image, aspect_ratio)) for image in images], atol=2e-3)
