"""Rotation, shear and translation against a bilinear resampling written out in NumPy."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sjft_tf.errors import InputError
from sjft_tf.images.augment import RandomAffine, warp
from sjft_tf.images.augment.affine import move


def moved(image, rotation=0.0, shear=0.0, shear_down=0.0, right=0.0, down=0.0):
    """Sheared down, sheared right, turned, shifted, about the center; every pixel then asks where it is from."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    turn = np.array([[cos, sin], [-sin, cos]])  # on (x, y) with y down
    forward = turn @ np.array([[1, shear], [0, 1]]) @ np.array([[1, 0], [shear_down, 1]])
    center = (np.array(image.shape[1::-1]) - 1) / 2
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    shifted = np.stack([x, y], -1) - center - [right, down]
    come = shifted @ np.linalg.inv(forward).T + center
    # Continued as (d c b a | a b c d | d c b a), which SciPy calls reflect too.
    at = [come[..., 1], come[..., 0]]
    planes = [ndimage.map_coordinates(image[..., c], at, order=1, mode="reflect") for c in range(3)]
    return np.stack(planes, -1)


small = st.floats(-0.4, 0.4)


@given(st.floats(-3.1, 3.1), small, small, st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([(7, 7), (6, 9)]))
def test_it_is_the_affine_map_about_the_center(rotation, shear, shear_down, right, down, shape):
    image = np.random.default_rng(0).uniform(0, 255, (*shape, 3))
    given_ = {"rotation": rotation, "shear": shear, "shear_down": shear_down, "right": right, "down": down}
    result = move(tf.constant(image, tf.float32), **given_)
    np.testing.assert_allclose(result, moved(image, **given_), atol=0.05)


def test_directions(rng):
    image = rng.uniform(0, 255, (5, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(move(image, rotation=math.pi / 2), np.rot90(image), atol=0.01)
    np.testing.assert_allclose(move(image, right=1.0)[:, 1:], image[:, :-1], atol=0.01)
    np.testing.assert_allclose(move(image, down=2.0)[2:], image[:-2], atol=0.01)
    np.testing.assert_allclose(move(image), image, atol=0.01)
    leaning = move(image, shear=1.0).numpy()
    np.testing.assert_allclose(leaning[4, 2:], image[4, :3], atol=0.01)
    np.testing.assert_allclose(leaning[0, :3], image[0, 2:], atol=0.01)


def test_draws_reach_their_limits_on_both_sides(changed):
    dot = np.zeros((41, 41, 3), np.float32)
    dot[20, 20] = 255
    images = changed(RandomAffine(translation=0.25), dot, 200)[..., 0]
    mass = images.sum((1, 2))
    for axis in (1, 2):
        middles = (images.sum(3 - axis) @ np.arange(41)) / mass - 20
        assert -41 / 4 - 0.1 < middles.min() < -9
        assert 9 < middles.max() < 41 / 4 + 0.1


def test_a_stack_without_its_resampler_is_refused(monkeypatch):
    monkeypatch.setattr(warp, "KERAS_3", False)
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_addons", None)
    warp._resampler.cache_clear()
    with pytest.raises(InputError, match=r"--rotation, .* need TensorFlow Addons beside Keras 2.15"):
        RandomAffine(rotation=1)
    warp._resampler.cache_clear()


@pytest.mark.parametrize("given_", [{"rotation": 181}, {"shear": -1}, {"translation": 1.5}])
def test_refuses(given_):
    with pytest.raises(InputError, match=f"`{next(iter(given_))}` must be between 0 and"):
        RandomAffine(**given_)
