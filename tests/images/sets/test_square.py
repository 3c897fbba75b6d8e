"""Wide and tall images as squares: the middle of a picture, or all of it, undistorted and the same everywhere."""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View, concatenate, decode_bytes, decode_image, open_image_set, squared
from sjft_tf.images.sets import square
from sjft_tf.pipeline.answering.image_files import readable

MADE = runpy.run_path(str(Path(__file__).parents[1] / "decoding" / "image_kinds.py"), run_name="image_kinds")
KINDS = MADE["all_kinds"]()
HOW = ("crop", "pad")
ANY = [tf.TensorSpec([None, None, 3], tf.uint8)]
IN_GRAPH = {how: tf.function(lambda image, how=how: squared(image, how), input_signature=ANY) for how in HOW}


def oracle(image, how):
    """By the definition, in NumPy and float64."""
    height, width = image.shape[:2]
    if how == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return image[top : top + side, left : left + side]
    if width < height:
        return oracle(image.transpose(1, 0, 2), how).transpose(1, 0, 2)
    before = (width - height) // 2
    first, last = (np.floor(line.astype(np.float64).mean(0) + 0.5).astype(image.dtype) for line in image[[0, -1]])
    result = np.empty((width, width, 3), image.dtype)
    result[:before], result[before + height :] = first, last
    result[before : before + height] = image
    return result


@pytest.mark.parametrize("how", HOW)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 9))
@example(1, 1, 0)
@example(1, 300, 0)
@example(300, 2, 0)
@example(7, 7, 0)
def test_any_size_is_what_the_definition_says(how, height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    expected = oracle(image, how)
    np.testing.assert_array_equal(IN_GRAPH[how](image), expected)
    of_floats = squared(image.astype(np.float32), how)
    assert of_floats.dtype == tf.float32
    np.testing.assert_array_equal(of_floats, expected)


def test_stripes_are_seen_undistorted():
    """Of eight stripes crop shows the four in the middle, pad all of them half as wide, between two fills."""
    levels = np.arange(8) * 30
    wide = np.broadcast_to(levels.astype(np.uint8).repeat(10)[None, :, None], (40, 80, 3))
    for image, turn in ((wide, (0, 1, 2)), (wide.transpose(1, 0, 2), (1, 0, 2))):
        seen = {how: View(40, 40)(squared(image, how)).numpy().transpose(turn)[..., 0] for how in ("squash", *HOW)}
        np.testing.assert_allclose(seen["crop"][[0, 39], 5::10], [levels[2:6]] * 2, atol=1e-3)
        np.testing.assert_allclose(seen["squash"][[0, 39], 2::5], [levels] * 2, atol=1e-3)
        np.testing.assert_allclose(seen["pad"][[11, 28], 2::5], [levels] * 2, atol=1e-3)
        np.testing.assert_allclose(seen["pad"][[0, 8, 31, 39]], 105, atol=1e-3)  # the mean of the edges


def test_what_is_too_long_is_shrunk_before_it_is_padded(monkeypatch):
    monkeypatch.setattr(square, "LONGEST_PADDED", 16)
    image = np.full((2, 64, 3), 77, np.uint8)
    assert squared(image, "pad").numpy().tolist() == np.full((16, 16, 3), 77).tolist()
    assert squared(image.transpose(1, 0, 2), "pad").shape == (16, 16, 3)
    assert squared(image, "crop").shape == (2, 2, 3)


def test_an_unknown_way_is_refused():
    with pytest.raises(InputError, match="one of squash, crop, pad. Received: 'fit'"):
        squared(np.zeros((2, 3, 3), np.uint8), "fit")


@pytest.mark.parametrize("how", HOW)
def test_training_evaluation_and_serving_see_the_same(how, tmp_path):
    names = ["jpeg", "jpeg turned 6 <", "png 3 4 bit keyed", "png turned 8", "TIFF cmyk"]
    paths = {name: tmp_path / "set" / "ab"[number % 2] / f"{number}.png" for number, name in enumerate(names)}
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(KINDS[name].content)
    images = open_image_set(f"folder:{tmp_path / 'set'}", aspect_ratio=how)
    shown = dict(zip(images.ids, (one["image"] for one in images.dataset().as_numpy_iterator()), strict=True))
    for name, path in paths.items():
        expected = oracle(decode_image(KINDS[name].content), how)
        np.testing.assert_array_equal(shown["/".join(path.parts[-2:])], expected, err_msg=name)
        served = squared(decode_bytes(tf.constant(readable(path)[0])), how)
        np.testing.assert_array_equal(served, expected, err_msg=name)


def test_a_set_of_squares_is_another_one_and_stays_so(tmp_path, rng):
    pixels = rng.integers(0, 256, (4, 6, 9, 3), dtype=np.uint8)
    plain = ImageSet.from_arrays("some", pixels, [0, 1, 0, 1])
    sets = {how: plain.squared(how) for how in HOW}
    assert len({one.fingerprint for one in (plain, *sets.values())}) == 3
    for how, images in sets.items():
        for part in (images.subset([2, 0]), images.reduced(4).subset([2, 0])):
            assert part.contents.aspect_ratio == how
            for one, row in zip(part.dataset().as_numpy_iterator(), (2, 0), strict=True):
                np.testing.assert_array_equal(one["image"], oracle(pixels[row], how))
    other = ImageSet.from_arrays("others", pixels + 1, [0, 1, 0, 1])
    joined = concatenate([sets["crop"], other.squared("crop")])
    assert joined.contents.aspect_ratio == "crop"
    np.testing.assert_array_equal(joined.load(tf.constant(5)), oracle(pixels[1] + 1, "crop"))
    with pytest.raises(ValueError, match="then call `reduced` or `squared`"):
        concatenate([sets["crop"], other])


def test_a_reduced_image_keeps_its_proportions(tmp_path):
    """Decoded at a quarter of its size, it is cropped and padded as the whole one is."""
    stripes = np.broadcast_to((np.arange(8, dtype=np.uint8) * 30).repeat(32)[None, :, None], (128, 256, 3))
    stream = io.BytesIO()
    Image.fromarray(stripes).save(stream, "JPEG", quality=98)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(stream.getvalue() + name.encode())
    for how, side in (("crop", 32), ("pad", 64)):
        images = open_image_set(f"folder:{tmp_path}", aspect_ratio=how)
        small = images.reduced(32).load(tf.constant(0))
        assert small.shape == (side, side, 3)
        whole = View(32, 32)(images.load(tf.constant(0)))
        assert np.abs(View(32, 32)(small) - whole).max() < 8
