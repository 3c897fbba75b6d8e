"""Color jitter against colorsys and float64 formulas."""

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sjft_tf.errors import InputError
from sjft_tf.images.augment import ColorJitter, color

pictures = arrays(np.float32, (3, 4, 3), elements=st.floats(0, 255, width=32))
LUMA = np.array([0.299, 0.587, 0.114])


def mixed(image, other, factor):
    return np.clip(factor * image.astype(np.float64) + (1 - factor) * other, 0, 255)


@given(pictures, st.floats(0, 2))
def test_brightness_contrast_and_saturation(image, factor):
    gray = image.astype(np.float64) @ LUMA
    for result, other in (
        (color.brightness(image, factor), 0),
        (color.contrast(image, factor), gray.mean()),
        (color.saturation(image, factor), gray[..., None]),
    ):
        np.testing.assert_allclose(result, mixed(image, other, factor), atol=1e-3)


@given(pictures, st.floats(-0.5, 0.5))
def test_hue_turns_the_color_circle(image, turn):
    wanted = []
    for pixel in image.reshape(-1, 3).astype(np.float64) / 255:
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        wanted.append(colorsys.hsv_to_rgb((h + turn) % 1.0, s, v))
    np.testing.assert_allclose(color.hue(image, turn), 255 * np.reshape(wanted, image.shape), atol=0.05)


def test_factors_are_uniform_and_only_what_is_on_is_done(changed):
    image = np.full((2, 2, 3), 100, np.float32)
    images = changed(ColorJitter(brightness=0.4), image, 300)
    values = images[:, 0, 0, 0]
    assert (images == values[:, None, None, None]).all()
    np.testing.assert_allclose(np.quantile(values, [0, 0.5, 1]), [60, 100, 140], atol=6)
    # An even gray image has no color and no contrast to change.
    others = ColorJitter(contrast=1.0, saturation=1.0, hue=0.5)
    np.testing.assert_allclose(others(image, np.array([1, 2])), image, atol=1e-3)


@pytest.mark.parametrize("given_", [{"brightness": 1.1}, {"contrast": -0.1}, {"saturation": 2}, {"hue": 0.6}])
def test_refuses(given_):
    with pytest.raises(InputError, match=f"`{next(iter(given_))}` must be between 0 and"):
        ColorJitter(**given_)
