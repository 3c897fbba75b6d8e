"""Tones against Pillow on images of whole numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance, ImageOps

from sjft_tf.images.augment import tones

pictures = st.one_of(
    arrays(np.uint8, (6, 7, 3)),
    st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).integers(30, 90, (40, 40, 3), np.uint8)),
)


@given(pictures, st.integers(0, 256), st.integers(4, 8))
def test_solarize_posterize_and_equalize_are_pillows(image, threshold, bits):
    opened, floats = Image.fromarray(image), image.astype(np.float32)
    np.testing.assert_array_equal(tones.solarize(floats, threshold), ImageOps.solarize(opened, threshold))
    np.testing.assert_array_equal(tones.posterize(floats, bits), ImageOps.posterize(opened, bits))
    np.testing.assert_array_equal(tones.equalize(floats), ImageOps.equalize(opened))


@given(pictures)
def test_autocontrast_is_pillows_without_its_cutting_to_integers(image):
    result = tones.autocontrast(image.astype(np.float32)).numpy()
    np.testing.assert_allclose(result, np.asarray(ImageOps.autocontrast(Image.fromarray(image)), float), atol=1.01)


@pytest.mark.parametrize("factor", [0.1, 1.0, 1.9])
def test_sharpness_is_pillows_but_for_rounding(rng, factor):
    image = rng.integers(0, 256, (6, 7, 3), np.uint8)
    result = tones.sharpness(image.astype(np.float32), factor)
    wanted = ImageEnhance.Sharpness(Image.fromarray(image)).enhance(factor)
    np.testing.assert_allclose(result, np.asarray(wanted, float), atol=2)
