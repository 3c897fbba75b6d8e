"""Values of more than 8 bits: found, said, scaled alike everywhere, and refused where nobody knows what they mean."""

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import ValueRange, decode_bytes, decode_image, inspect_image, open_image_set
from sjft_tf.images.decoding.values import levels_of_16_bits
from sjft_tf.pipeline.answering.image_files import readable

MADE = runpy.run_path(str(Path(__file__).with_name("image_kinds.py")), run_name="image_kinds")
PNG = MADE["png"]
TWELVE = ValueRange(0, 4095)


def saved(values, **options):
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF", **options)
    return stream.getvalue()


def oracle(values, low, high):
    """By the definition, in exact arithmetic but for the last rounding."""
    return np.floor(np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255 + 0.5)


def folder_of(tmp_path, *contents):
    for number, content in enumerate(contents):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return f"folder:{tmp_path / 'set'}"


def test_16_bits_are_taken_whole_by_default():
    np.testing.assert_array_equal(levels_of_16_bits(ValueRange(0, 65535)), (np.arange(65536) + 128) // 257)


@given(st.integers(-100, 60000), st.integers(1, 70000))
def test_levels_of_any_range(low, width):
    table = levels_of_16_bits(ValueRange(low, low + width))
    np.testing.assert_array_equal(table, oracle(np.arange(65536), low, low + width))


@pytest.mark.parametrize("color", [0, 2, 4, 6])
def test_a_given_range_is_the_same_in_python_and_in_a_graph(color, tmp_path, rng):
    samples = rng.integers(0, 4096, (6, 7, {0: 1, 2: 3, 4: 2, 6: 4}[color]))
    if color >= 4:
        samples[..., -1] = rng.choice([0, 65535], (6, 7))
    content = PNG(samples, 16, color)
    shown = decode_image(content, TWELVE)
    np.testing.assert_array_equal(decode_bytes(tf.constant(content), TWELVE), shown)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    np.testing.assert_array_equal(decode_bytes(tf.constant(readable(path, given=TWELVE)[0])), shown)
    seen = samples[..., -1] > 0 if color >= 4 else np.ones((6, 7), bool)
    levels = oracle(samples[..., : 1 + 2 * (color in (2, 6))], 0, 4095)
    np.testing.assert_array_equal(shown[seen], np.broadcast_to(levels, (6, 7, 3))[seen])
    assert (shown[~seen] == 255).all()


def test_a_set_is_scaled_warned_of_and_another_one(tmp_path, rng, caplog):
    caplog.set_level("INFO")
    contents = [PNG(rng.integers(0, 4096, (8, 8, 1)), 16, 0) for _ in range(4)]
    spec, cache = folder_of(tmp_path, *contents), tmp_path / "cache"
    plain = open_image_set(spec, cache=cache)
    assert "17 gray levels of 256 are left of them. --value_range=0:4095 uses all" in caplog.text
    caplog.clear()
    assert open_image_set(spec, cache=cache).fingerprint == plain.fingerprint
    assert "17 gray levels" in caplog.text  # remembered with the files
    caplog.clear()
    images = open_image_set(spec, cache=cache, value_range=TWELVE)
    assert "gray levels" not in caplog.text
    assert "4 images of more than 8 bits" in caplog.text
    assert "black and white 0:4095" in caplog.text
    assert images.fingerprint != plain.fingerprint
    for part in (images, images.subset([2, 0]), images.reduced(4)):
        row = [int(name[2]) for name in part.ids]
        for one, number in zip(part.dataset().as_numpy_iterator(), row, strict=True):
            np.testing.assert_array_equal(one["image"], decode_image(contents[number], TWELVE))


def test_12_bit_tiff_declares_its_range(rng):
    levels = rng.integers(0, 4096, (4, 6, 1))
    np.testing.assert_array_equal(decode_image(MADE["tiff"](levels, 12)), oracle(levels, 0, 4095).repeat(3, 2))


def test_floats_from_0_to_1(rng):
    values = rng.random((5, 6)).astype(np.float32)
    content = saved(values)
    assert not inspect_image(content).error
    np.testing.assert_array_equal(decode_image(content)[..., 1], oracle(values, 0, 1))


@pytest.mark.parametrize(
    ("values", "suggested"),
    [
        (np.array([[0, 200.5]], np.float32), "0:200.5"),
        (np.array([[-3, 1]], np.float32), "-3:1"),
        (np.array([[0, 70000]], np.int32), "0:131071"),
        (np.array([[-1000, 3000]], np.int32), "-1000:3000"),
        (np.array([[5, 5]], np.int32), "0:7"),
    ],
)
def test_values_of_no_known_range_are_refused_with_one(values, suggested, tmp_path):
    content = saved(values)
    error = inspect_image(content).error
    assert f"--value_range={suggested}" in error
    with pytest.raises(InputError, match="its values run from"):
        open_image_set(folder_of(tmp_path, content, content))
    given = ValueRange(*map(float, suggested.split(":")))
    assert not inspect_image(content, given=given).error
    np.testing.assert_array_equal(decode_image(content, given)[..., 0], oracle(values, *given))


def test_large_unsigned_values_do_not_wrap():
    content = MADE["tiff"](np.array([[[0], [2**31], [2**32 - 1]]], np.uint32), 32)
    assert "--value_range=0:4294967295" in inspect_image(content).error
    np.testing.assert_array_equal(decode_image(content, ValueRange(0, 2**32 - 1))[..., 0], [[0, 128, 255]])


def test_signed_values_of_16_bits():
    content = MADE["tiff"](np.array([[[-1000], [0], [3000]]], np.int16), 16, 2)
    assert "--value_range=-1000:3000" in inspect_image(content).error
    np.testing.assert_array_equal(decode_image(content, ValueRange(-1000, 3000))[..., 0], [[0, 64, 255]])


def test_of_color_tiff_the_upper_bits_only():
    content = MADE["tiff"](np.array([[[0, 256, 65535]]], np.uint16), 16, photometric=2)
    np.testing.assert_array_equal(decode_image(content), [[[0, 1, 255]]])
    assert "write it as 16-bit PNG" in inspect_image(content, given=TWELVE).error


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(value):
    content = saved(np.array([[0, value]], np.float32))
    for known in (None, ValueRange(0, 1)):
        assert "without infinite ones and NaN" in inspect_image(content, given=known).error


def test_white_that_is_zero():
    levels = np.array([[0, 65535, 257]], np.uint16)
    np.testing.assert_array_equal(decode_image(saved(levels, tiffinfo={262: 0}))[..., 0], [[255, 0, 254]])
