"""Damaged image files: one verdict, the same for training and prediction, and what is accepted decodes as announced."""

import io
import random
import resource
import struct
import time
import warnings
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.images import inspect_image
from sjft_tf.images.decoding.decode import decode
from sjft_tf.pipeline.answering.image_files import readable

_LIMIT = 4096  # pixels, of which the undamaged images have 12 x 10
_ROOM = 128 << 10  # KB that all mutations together may add


def _colors():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8))


def _encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _animated():
    later = Image.new("P", (12, 10), 3)
    return _encoded(_colors().quantize(16), "GIF", save_all=True, append_images=[later, later])


def _with_exif():
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(_colors(), "JPEG", exif=exif)


MADE = {
    "jpeg": lambda: _encoded(_colors(), "JPEG"),
    "progressive": lambda: _encoded(_colors(), "JPEG", progressive=True, quality=60),
    "cmyk": lambda: _encoded(_colors().convert("CMYK"), "JPEG"),
    "turned": _with_exif,
    "png": lambda: _encoded(_colors(), "PNG"),
    "palette_png": lambda: _encoded(_colors().quantize(16), "PNG", transparency=2),
    "rgba_png": lambda: _encoded(_colors().convert("RGBA"), "PNG"),
    "png_16": lambda: _encoded(Image.fromarray(np.arange(120, dtype=np.uint16).reshape(10, 12) * 500), "PNG"),
    "bmp": lambda: _encoded(_colors(), "BMP"),
    "palette_bmp": lambda: _encoded(_colors().quantize(16), "BMP"),
    "gif": _animated,
    "png_4": lambda: _encoded(_colors().quantize(8), "PNG", bits=4),
    "webp": lambda: _encoded(_colors(), "WEBP"),
    "tiff": lambda: _encoded(_colors(), "TIFF"),
    "tiff_lzw": lambda: _encoded(_colors(), "TIFF", compression="tiff_lzw"),
    "tiff_float": lambda: _encoded(Image.fromarray(np.linspace(0, 1, 120, dtype=np.float32).reshape(10, 12)), "TIFF"),
    "tiff_16": lambda: _encoded(Image.fromarray(np.arange(120, dtype=np.uint16).reshape(10, 12) * 500), "TIFF"),
}


def mutate(content, others, draw):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        kind, size = draw.randrange(8), len(changed) or 1
        at = draw.randrange(size)
        if kind == 0 and changed:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del changed[at:]
        elif kind == 2:  # the header, where sizes, modes and lengths are told
            at = draw.randrange(min(size, 64))
            changed[at : at + 4] = draw.choice((b"\xff" * 4, b"\0" * 4, b"\x80\0\0\0", b"\0\0\xff\xff", b"\0\0\0\1"))
        elif kind == 3:
            other = draw.choice(others)
            changed[at:] = other[draw.randrange(len(other)) :]
        elif kind == 4:
            changed[at:at] = changed[draw.randrange(size) :][: draw.randrange(40)]
        elif kind == 5:
            changed[at : at + draw.randrange(1, 40)] = draw.randbytes(draw.randrange(40))
        elif kind == 6:
            del changed[at : at + draw.randrange(1, 20)]
        else:
            changed = bytearray(_valid_checksums(changed, draw))
    return bytes(changed)


def _valid_checksums(content, draw):
    """A PNG's chunks with their checksums made right again, one of its header's bytes changed before."""
    if content[:4] != b"\x89PNG":
        return content
    content[draw.randrange(16, 29) % len(content)] = draw.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    made, at = content[:8], 8
    while at + 8 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        body = content[at + 4 : at + 8 + length]
        made += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return made


def judged(encoded, path):
    """Whether the bytes are accepted, by every way they can come in; fails where the ways differ."""
    judged = inspect_image(encoded, _LIMIT)
    path.write_bytes(encoded)
    content, reason = readable(path, _LIMIT)
    assert bool(judged.error) == bool(reason), (judged.error, reason)
    assert "\n" not in judged.error
    if judged.error:
        return False
    image = decode(tf.constant(encoded), tf.constant(judged.plain)).numpy()
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 < image.shape[0] * image.shape[1] <= _LIMIT
    # What prediction hands to the exported model shows the same pixels.
    np.testing.assert_array_equal(decode(tf.constant(content), tf.constant(True)).numpy(), image)
    if judged.plain:
        small = decode(tf.constant(encoded), tf.constant(True), 2).numpy()
        assert small.shape[2] == 3
    return True


@pytest.mark.parametrize("name", MADE)
def test_damaged_images(tmp_path, pytestconfig, name):
    content, others = MADE[name](), [make() for make in MADE.values()]
    draw, started = random.Random(name), time.monotonic()
    assert judged(content, tmp_path / "image")
    before, accepted = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    total = pytestconfig.getoption("--fuzz")
    for number in range(total):
        damaged = mutate(content, others, draw)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning of Pillow is not the verdict
                accepted += judged(damaged, tmp_path / "image")
        except Exception as error:
            pytest.fail(f"mutation {number}: {type(error).__name__}: {error}; {damaged!r}")
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = time.monotonic() - started
    print(
        f"{name}: {total} mutations, {accepted} accepted, {total - accepted} refused, {seconds:.1f} s, {added} KB more"
    )
    assert added < _ROOM
