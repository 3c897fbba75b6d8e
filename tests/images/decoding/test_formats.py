"""Formats beside the usual ones: plug-ins looked up when they are needed, and a clear word about all others."""

import io
import re
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from sjft_tf.images import decode_image, inspect_image
from sjft_tf.images.decoding import formats as formats_module
from sjft_tf.images.decoding.formats import opened_formats

TIFF = runpy.run_path(str(Path(__file__).with_name("image_kinds.py")), run_name="image_kinds")["tiff"]


def iso_media(brand):
    return b"\0\0\0\x20ftyp" + brand + bytes(20)


@pytest.fixture
def looked_up_again():
    opened_formats.cache_clear()
    yield
    opened_formats.cache_clear()


@pytest.fixture
def without(monkeypatch, looked_up_again):
    """Neither plug-in."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(formats_module, "_has_avif", lambda: False)


@pytest.mark.parametrize(
    ("brand", "said"), [(b"heic", "HEIC. Reading it takes: pip install sjft_tf[heic]"), (b"avif", "sjft_tf[avif]")]
)
def test_what_lacks_its_plug_in_names_the_extra(without, brand, said):
    assert said in inspect_image(iso_media(brand)).error


def test_a_plug_in_is_registered_when_it_is_there(monkeypatch, looked_up_again):
    registered = []
    plug_in = types.SimpleNamespace(register_heif_opener=lambda: registered.append(True))
    monkeypatch.setitem(sys.modules, "pillow_heif", plug_in)
    assert "HEIF" in opened_formats()
    assert registered == [True]
    # A damaged file is not said to lack the plug-in.
    monkeypatch.setitem(Image.OPEN, "HEIF", (lambda *_: None, lambda prefix: False))
    assert inspect_image(iso_media(b"heic")).error == "not an image in a known format"


@pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")
def test_avif():
    stream = io.BytesIO()
    Image.new("RGB", (16, 8), (200, 100, 50)).save(stream, "AVIF")
    result = inspect_image(stream.getvalue())
    assert (result.error, result.plain) == ("", False)
    shown = decode_image(stream.getvalue())
    assert shown.shape == (8, 16, 3)
    assert np.abs(shown.astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_heic_is_read_and_turned_once(looked_up_again, orientation):
    pytest.importorskip("pillow_heif")
    opened_formats()  # registers the plug-in, which writes too
    pixels = np.full((32, 64, 3), (200, 100, 50), np.uint8)
    pixels[:, 32:] = (20, 40, 220)
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    written = Image.fromarray(pixels)
    written.info["exif"] = exif.tobytes()  # becomes the box by which HEIC files are turned
    written.save(stream, "HEIF", quality=95)
    result = inspect_image(stream.getvalue())
    assert (result.error, result.plain) == ("", False)
    shown = decode_image(stream.getvalue()).astype(int)
    wanted = np.rot90(pixels, {1: 0, 3: 2, 6: -1}[orientation]).astype(int)
    assert shown.shape == wanted.shape
    assert np.abs(shown - wanted).mean() <= 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes(128) + b"DICM" + bytes(40), "DICOM.*window.*gray PNG.*pydicom"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"8BPS" + bytes(20), "Photoshop"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (iso_media(b"isom"), "video"),
        (b"\x93NUMPY\x01\x00" + bytes(20), "npz:PATH"),
    ],
)
def test_other_files_are_told_what_they_are(content, said):
    error = inspect_image(content).error
    assert re.search(said, error), error


def test_more_channels_than_a_picture_has():
    error = inspect_image(TIFF(np.zeros((1, 1, 8), np.uint16), 16)).error
    assert "TIFF of 8 channel(s), 16 bits; gray, RGB or RGBA was expected. Choose the three channels" in error
    assert (
        "TIFF of 3 channel(s), 32 bits, float, which cannot be read"
        in inspect_image(TIFF(np.zeros((1, 1, 3), np.float32), 32, 3)).error
    )
