"""Encoded image files to uint8 RGB.

Ordinary 8-bit gray or RGB PNG and JPEG are decoded by TensorFlow's operations inside the graph. Other JPEG and PNG take
the same decoders, as an exported model does (`in_graph`): palettes and few bits unfolded, 16 bits scaled to 8,
transparency laid over white, turned upright by EXIF. Everything else goes through Pillow, which gives what a viewer
would show, of several frames or pages the first.
"""

from __future__ import annotations

import functools
import io

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from sjft_tf.images.decoding.formats import opened_formats
from sjft_tf.images.decoding.orientation import orientation_of, upright
from sjft_tf.images.decoding.png_jpeg import decode_jpeg, stored_values
from sjft_tf.images.decoding.values import WHOLE_16, WHOLE_FLOAT, Stored, ValueRange, as_rgb

# Pillow's own guard warns and cannot be set per call; `open_image` has one that refuses.
Image.MAX_IMAGE_PIXELS = None

MAX_PIXELS = 64_000_000  # decoded, 192 MB
_BYTES_A_PIXEL = 8  # 16-bit RGBA that did not shrink, of all formats the most
_OTHER_BYTES = 64 << 20  # profiles, previews, further frames
_PLAIN_MODES = ("L", "RGB")
_RATIOS = (1, 2, 4, 8)  # by which a JPEG decoder can divide the sides
_IN_GRAPH = ("JPEG", "MPO", "PNG")  # Pillow opens MPO, a JPEG with more behind it, as JPEG
_DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's modes of more than 8 bits
_PHOTOMETRIC = 262  # TIFF's tag; 0: white is zero, which Pillow minds up to 8 bits
_XMP = ("xmp", "XML:com.adobe.xmp", "Raw profile type xmp")


def decode(encoded: tf.Tensor, plain: tf.Tensor, side: int | None = None, given: ValueRange | None = None) -> tf.Tensor:
    """Decodes one image.

    Args:
        encoded: scalar string, the file's bytes.
        plain: scalar bool, whether TensorFlow's decoders give the right answer (see `is_plain`).
        side: see `decode_plain`; images that are not plain are decoded in full.
        given: see `decode_image`.

    Returns:
        uint8 [H, W, 3]
    """
    image = tf.cond(plain, lambda: decode_plain(encoded, side), lambda: _decode_other(encoded, given))
    image.set_shape([None, None, 3])
    return image


def decode_plain(encoded: tf.Tensor, side: int | None = None) -> tf.Tensor:
    """8-bit gray or RGB PNG or any JPEG, stored upright, scalar string, to uint8 [H, W, 3].

    With `side`, a JPEG image both of whose sides are at least 2 (4, 8) times `side` comes out at a half (a quarter,
    an eighth) of its size, rounded up: the decoder then leaves out the fine frequencies instead of computing pixels
    that a squash to `side` would average away. Never smaller than `side`, and a little different from the full
    image squashed.
    """
    if side is None:
        return decode_jpeg(encoded)

    def jpeg() -> tf.Tensor:
        shorter = tf.reduce_min(tf.io.extract_jpeg_shape(encoded)[:2])
        halvings = sum(tf.cast(shorter >= ratio * side, tf.int32) for ratio in _RATIOS[1:])
        return tf.switch_case(halvings, [functools.partial(decode_jpeg, encoded, ratio) for ratio in _RATIOS])

    image = tf.cond(tf.io.is_jpeg(encoded), jpeg, lambda: decode_jpeg(encoded))
    image.set_shape([None, None, 3])
    return image


def _decode_other(encoded: tf.Tensor, given: ValueRange | None) -> tf.Tensor:
    image = tf.numpy_function(functools.partial(decode_image, given=given), [encoded], tf.uint8, stateful=False)
    image.set_shape([None, None, 3])
    return image


def most_bytes(max_pixels: int) -> int | None:
    """Size from which on a file is no image of at most `max_pixels` and need not be read; None for 0, any size."""
    return _BYTES_A_PIXEL * max_pixels + _OTHER_BYTES if max_pixels else None


def open_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The opened, not yet decoded image of a file's bytes in one of `opened_formats`, whatever it is named.

    Pillow knows dozens of other formats, some of which start other programs; none of them is ever tried.

    Args:
        encoded: the file's bytes.
        max_pixels: width times height that the header may claim; 0: any.

    Raises:
        PIL.UnidentifiedImageError: none of the formats.
        ValueError: more pixels than that.
        Exception: Pillow raises a dozen types on damaged files.
    """
    image = Image.open(io.BytesIO(encoded), formats=opened_formats())
    width, height = image.size
    if max_pixels and width * height > max_pixels:
        image.close()
        raise ValueError(
            f"its header claims {width} x {height} pixels, more than --max_pixels={max_pixels}; "
            "scale it down or raise the limit"
        )
    return image


def decode_image(encoded: bytes | np.ndarray, given: ValueRange | None = None) -> np.ndarray:
    """A file in any of the formats, whose size has been judged before, to uint8 [H, W, 3].

    Args:
        encoded: its bytes.
        given: what is black and white among values of more than 8 bits; None: what their type says.
    """
    # `numpy_function` hands over bytes inside a graph, and an array of shape () when called eagerly.
    content = encoded.item() if isinstance(encoded, np.ndarray) else encoded
    with open_image(content, max_pixels=0) as opened:
        return as_rgb(stored_image(opened, content, given), given)


def stored_image(image: Image.Image, encoded: bytes, given: ValueRange | None = None) -> Stored:
    """The values of the image that was opened from these bytes, upright. Raises a dozen types on damaged files."""
    if image.format not in _IN_GRAPH:
        return _values(image, given)
    try:
        values = stored_values(encoded, "transparency" in image.info)
        declared = WHOLE_16 if values.dtype == np.uint16 else None
    except tf.errors.InvalidArgumentError:
        # The decoders differ in which damage they forgive; what TensorFlow refuses, Pillow may still show.
        values, declared = _values(image, given, turn=False)
    return Stored(upright(values, orientation_of(encoded)), declared)


def _values(image: Image.Image, given: ValueRange | None, turn: bool = True) -> Stored:
    """As Pillow reads them; `turn`: by the EXIF that it knows."""
    raw = _raw_mode(image)  # gone when the image is loaded
    if given is not None and image.format == "TIFF" and image.mode not in _DEEP and "16" in raw:
        raise ValueError(
            "of 16-bit color TIFF only the upper 8 bits are read; write it as 16-bit PNG for --value_range"
        )
    image.load()
    seen = _turned(image) if turn else image
    if seen.mode not in _DEEP:
        return Stored(np.asarray(to_rgb(seen)))
    values = np.asarray(seen)[..., None]
    if seen.mode == "F":
        return Stored(values, WHOLE_FLOAT)
    if "32" in raw and not raw.endswith("S"):  # Pillow has signed values only
        return Stored(values.view(np.uint32))
    if seen.mode == "I" and ("16" not in raw or raw.endswith("S")):
        return Stored(values)
    declared = ValueRange(0, 4095) if "12" in raw else WHOLE_16
    values = values.astype(np.uint16)
    white_is_zero = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == 0
    return Stored(np.uint16(declared.high) - values if white_is_zero else values, declared)


def _raw_mode(image: Image.Image) -> str:
    """How Pillow names the samples in an opened file, e.g. "I;16B"."""
    how = image.tile[0][3] if image.tile else ""
    return str(how[0] if isinstance(how, tuple) and how else how)


def _turned(image: Image.Image) -> Image.Image:
    """Upright by its EXIF; one that cannot be read says nothing."""
    for name in _XMP:  # Pillow would take an orientation from there as well
        image.info.pop(name, None)
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a dozen types, as everywhere
        return image


def to_rgb(image: Image.Image) -> Image.Image:
    """What a viewer with a white background would show of an image of 8 bits, as it is stored."""
    if "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")


def is_plain(image: Image.Image, encoded: bytes) -> bool:
    """Whether `decode_plain` shows the image opened (not yet loaded) from these bytes as `decode_image` would."""
    if image.format in ("JPEG", "MPO"):
        return orientation_of(encoded) == 1
    # Fewer or more than 8 bits are only told by the raw mode here.
    return (
        image.format == "PNG"
        and image.mode in _PLAIN_MODES
        and "transparency" not in image.info
        and all(str(tile[3]) == image.mode for tile in image.tile)
        and orientation_of(encoded) == 1
    )
