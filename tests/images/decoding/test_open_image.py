"""Which files are opened at all: known formats, up to a number of pixels, by one rule for training and prediction."""

import io
import re
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

import sjft_tf
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import decode_image
from sjft_tf.images.sets.scan import FileScan, inspect_image
from sjft_tf.pipeline.answering.image_files import readable

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def encoded(kind, image=None):
    stream = io.BytesIO()
    (image or Image.new("RGB", (40, 30), "red")).save(stream, kind)
    return stream.getvalue()


def claiming(kind, side):
    """A small file whose header says `side` x `side`."""
    data = bytearray(encoded(kind, Image.new("P", (40, 30)) if kind == "GIF" else None))
    if kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    elif kind == "PNG":
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    else:
        data[6:10] = struct.pack("<HH", side, side)
    return bytes(data)


@pytest.mark.parametrize(
    "data", [EPS, encoded("TGA"), encoded("PPM"), encoded("ICO")], ids=["eps", "tga", "ppm", "ico"]
)
def test_other_formats_are_not_tried(data, tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert inspect_image(data).error == "not an image in a known format"
    assert readable(path) == (b"", "not an image in a known format")
    with pytest.raises(Image.UnidentifiedImageError):
        decode_image(data)


def test_mpo_is_jpeg():
    stream = io.BytesIO()
    first, second = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
    first.save(stream, "MPO", save_all=True, append_images=[second])
    assert not inspect_image(stream.getvalue()).error
    assert decode_image(stream.getvalue())[0, 0, 0] > 250


def test_nothing_else_opens_images():
    root = Path(sjft_tf.__file__).parent
    opening = {p.name for p in root.rglob("*.py") if re.search(r"Image\.open\(", p.read_text(encoding="utf-8"))}
    assert opening == {"decode.py"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_pixels_are_limited_by_the_header(kind, tmp_path):
    data = claiming(kind, 13_000)
    path = tmp_path / "a.img"
    path.write_bytes(data)
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = inspect_image(data)
        answer = readable(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "13000 x 13000 pixels, more than --max_pixels=64000000" in result.error
    assert answer == (b"", result.error)
    assert peak < 10_000_000


def test_the_limit_is_part_of_what_is_remembered(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    cache = tmp_path / "cache"
    assert len(FileScan(cache=cache).files([str(path)], "k", "d").positions) == 1
    with pytest.raises(InputError, match="40 x 30 pixels, more than --max_pixels=1199"):
        FileScan(cache=cache, max_pixels=1199).files([str(path)], "k", "d")
    assert len(FileScan(cache=cache, max_pixels=1200).files([str(path)], "k", "d").positions) == 1


def test_16_bit_gray_takes_no_wide_copy(rng):
    levels = rng.integers(0, 65536, (700, 900), np.uint16)
    data = encoded("PNG", Image.fromarray(levels))
    tracemalloc.start()
    shown = decode_image(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(shown[..., 0], (levels.astype(np.int64) + 128) // 257)
    assert peak < 12 * levels.size  # one int64 copy with its clip alone were 16 bytes a pixel


@pytest.mark.parametrize("damage", ["no end", "unknown critical chunk"])
def test_what_training_leaves_to_pillow_prediction_does_too(damage, tmp_path, rng):
    pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
    data = encoded("PNG", Image.fromarray(pixels))
    chunk = b"ABCD" + b"x"
    strange = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = data[:-12] if damage == "no end" else data[:33] + strange + data[33:]
    path = tmp_path / "a.png"
    path.write_bytes(data)
    result = inspect_image(data)
    content, reason = readable(path)
    assert not result.plain
    assert reason == result.error
    if not result.error:
        assert inspect_image(content).plain
        np.testing.assert_array_equal(decode_image(content), decode_image(data))
