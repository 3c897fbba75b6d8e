"""Every format docs/image-sets.md names, through both decoders, eagerly and inside tf.data."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.images.decoding.decode import decode, decode_image, decode_plain, is_plain


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(data):
    with Image.open(io.BytesIO(data)) as image:
        return is_plain(image, data)


def shown(data):
    """As an image set shows it, checked to be the same eagerly and inside tf.data."""
    eager = decode(tf.constant(data), tf.constant(plain(data)))
    dataset = tf.data.Dataset.from_tensors((data, plain(data))).map(decode)
    assert dataset.element_spec.shape.as_list() == [None, None, 3]
    np.testing.assert_array_equal(eager, next(dataset.as_numpy_iterator()))
    assert eager.dtype == tf.uint8
    return eager.numpy()


@pytest.fixture
def rgb():
    """Smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[:16, :24]
    return np.stack([rows * 15, columns * 10, 128 + 0 * rows], 2).astype(np.uint8)


def test_jpeg_rgb(rgb):
    data = encoded(Image.fromarray(rgb), "JPEG", quality=98)
    assert plain(data)
    assert np.abs(shown(data).astype(int) - rgb).mean() < 2
    # The decoders agree, so it does not matter which of the two a file takes.
    assert np.abs(decode_image(data).astype(int) - decode_plain(data).numpy()).max() <= 2


def test_gray(rgb):
    for kind, tolerance in (("JPEG", 3), ("PNG", 0)):
        data = encoded(Image.fromarray(rgb[..., 1]), kind)
        assert plain(data)
        image = shown(data)
        assert image.shape == (16, 24, 3)
        np.testing.assert_allclose(image, np.repeat(rgb[..., 1:2], 3, 2), atol=tolerance)


def test_png_rgb(rgb):
    data = encoded(Image.fromarray(rgb), "PNG")
    assert plain(data)
    np.testing.assert_array_equal(shown(data), rgb)


def test_palette_png_and_gif(rgb):
    image = Image.fromarray(rgb).quantize(256)
    for kind in ("PNG", "GIF"):
        data = encoded(image, kind)
        assert not plain(data)
        np.testing.assert_array_equal(shown(data), np.asarray(image.convert("RGB")))


def test_gif_shows_its_first_frame():
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (shown(data) == (255, 0, 0)).all()


def test_bmp(rgb):
    data = encoded(Image.fromarray(rgb), "BMP")
    np.testing.assert_array_equal(shown(data), rgb)


def test_cmyk_jpeg(rgb):
    data = encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=98)
    assert plain(data)
    assert np.abs(shown(data).astype(int) - rgb).mean() < 4


def test_16_bit_gray_is_scaled_not_clipped():
    levels = np.array([[0, 257, 128 * 257], [65535, 300 * 100, 385]], np.uint16)
    data = encoded(Image.fromarray(levels), "PNG")
    assert not plain(data)
    np.testing.assert_array_equal(shown(data)[..., 2], [[0, 1, 128], [255, 117, 1]])


def test_16_bit_color():
    # Pillow does not write it; TensorFlow does.
    levels = np.array([[[0, 128 * 257, 65535]]], np.uint16)
    data = tf.io.encode_png(levels).numpy()
    assert not plain(data)
    np.testing.assert_array_equal(shown(data), [[[0, 128, 255]]])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(mode):
    channels = np.array([[[0], [0], [0]]], np.uint8)
    alpha = np.array([[[0], [255], [51]]], np.uint8)
    pixels = np.concatenate([np.repeat(channels, len(mode) - 1, 2), alpha], 2)
    data = encoded(Image.fromarray(pixels, mode=None), "PNG")
    assert not plain(data)
    np.testing.assert_array_equal(shown(data), np.repeat([[[255], [0], [204]]], 3, 2))


def test_transparent_color_is_laid_over_white():
    image = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], np.uint8))
    data = encoded(image, "PNG", transparency=(1, 2, 3))
    assert not plain(data)
    np.testing.assert_array_equal(shown(data), [[[255, 255, 255], [9, 9, 9]]])


def test_transparent_palette():
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    data = encoded(image, "PNG", transparency=0)
    np.testing.assert_array_equal(shown(data), [[[255, 255, 255], [40, 50, 60]]])


def test_black_and_white():
    data = encoded(Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1"), "PNG")
    np.testing.assert_array_equal(shown(data)[..., 0], [[0, 255, 255]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation(kind, orientation, rgb):
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(rgb), kind, exif=exif, **({"quality": 98} if kind == "JPEG" else {}))
    assert plain(data) == (orientation == 1)
    image = shown(data)
    assert image.shape == undo(rgb).shape
    assert np.abs(image.astype(int) - undo(rgb)).mean() < 2
