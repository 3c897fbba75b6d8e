"""Encoded image files to uint8 RGB.

Ordinary 8-bit gray or RGB JPEG and PNG take TensorFlow's decoders. Everything else goes through Pillow, which
gives what a viewer would show: palette and CMYK converted, 16-bit scaled to 8, the EXIF orientation applied,
the first frame of a GIF, and transparency laid over white.
"""

from __future__ import annotations

import functools
import io

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

# Pillow loads its format plugins when the first image is opened; do it before threads race to.
Image.preinit()

# Pillow's own guard warns and cannot be set per call; `open_image` has one that refuses.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("JPEG", "PNG", "BMP", "GIF")  # Pillow opens MPO, a JPEG with more behind it, as JPEG
MAX_PIXELS = 64_000_000  # decoded, 192 MB
_BYTES_A_PIXEL = 8  # 16-bit RGBA that did not shrink, of all formats the most
_OTHER_BYTES = 64 << 20  # profiles, previews, further frames
_ORIENTATION = 0x0112
_ROWS = 64  # of a 16-bit image converted at a time
_PLAIN_MODES = ("L", "RGB")
_RATIOS = (1, 2, 4, 8)  # by which a JPEG decoder can divide the sides


def decode(encoded: tf.Tensor, plain: tf.Tensor, side: int | None = None) -> tf.Tensor:
    """Decodes one image.

    Args:
        encoded: scalar string, the file's bytes.
        plain: scalar bool, whether TensorFlow's decoders give the right answer (see `is_plain`).
        side: see `decode_plain`; images that are not plain are decoded in full.

    Returns:
        uint8 [H, W, 3]
    """
    image = tf.cond(plain, lambda: decode_plain(encoded, side), lambda: _decode_other(encoded))
    image.set_shape([None, None, 3])
    return image


def decode_plain(encoded: tf.Tensor, side: int | None = None) -> tf.Tensor:
    """8-bit gray or RGB JPEG or PNG, scalar string, to uint8 [H, W, 3].

    With `side`, a JPEG image both of whose sides are at least 2 (4, 8) times `side` comes out at a half (a quarter,
    an eighth) of its size, rounded up: the decoder then leaves out the fine frequencies instead of computing pixels
    that a squash to `side` would average away. Never smaller than `side`, and a little different from the full
    image squashed.
    """
    if side is None:
        return _decode_at(encoded, 1)

    def jpeg() -> tf.Tensor:
        shorter = tf.reduce_min(tf.io.extract_jpeg_shape(encoded)[:2])
        halvings = sum(tf.cast(shorter >= ratio * side, tf.int32) for ratio in _RATIOS[1:])
        return tf.switch_case(halvings, [functools.partial(_decode_at, encoded, ratio) for ratio in _RATIOS])

    image = tf.cond(tf.io.is_jpeg(encoded), jpeg, lambda: _decode_at(encoded, 1))
    image.set_shape([None, None, 3])
    return image


def _decode_at(encoded: tf.Tensor, ratio: int) -> tf.Tensor:
    # The op reads PNG as well. The accurate transform is the one Pillow and most other programs use.
    return tf.io.decode_jpeg(encoded, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")


def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.numpy_function(decode_with_pillow, [encoded], tf.uint8, stateful=False)
    image.set_shape([None, None, 3])
    return image


def most_bytes(max_pixels: int) -> int | None:
    """Size from which on a file is no image of at most `max_pixels` and need not be read; None for 0, any size."""
    return _BYTES_A_PIXEL * max_pixels + _OTHER_BYTES if max_pixels else None


def open_image(encoded: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The opened, not yet decoded image of a file's bytes: JPEG (MPO), PNG, BMP or GIF, whatever it is named.

    Pillow knows dozens of other formats, some of which start other programs; none of them is ever tried.

    Args:
        encoded: the file's bytes.
        max_pixels: width times height that the header may claim; 0: any.

    Raises:
        PIL.UnidentifiedImageError: none of the formats.
        ValueError: more pixels than that.
        Exception: Pillow raises a dozen types on damaged files.
    """
    image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    width, height = image.size
    if max_pixels and width * height > max_pixels:
        image.close()
        raise ValueError(
            f"its header claims {width} x {height} pixels, more than --max_pixels={max_pixels}; "
            "scale it down or raise the limit"
        )
    return image


def decode_with_pillow(encoded: bytes | np.ndarray) -> np.ndarray:
    """Any of `FORMATS`, whose size has been judged before, to uint8 [H, W, 3]."""
    # `numpy_function` hands over bytes inside a graph, and an array of shape () when called eagerly.
    content = encoded.item() if isinstance(encoded, np.ndarray) else encoded
    with open_image(content, max_pixels=0) as opened:
        return np.asarray(to_rgb(opened))


def to_rgb(image: Image.Image) -> Image.Image:
    """What a viewer with a white background would show of the image's first frame."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion would clip at 255
        return Image.fromarray(_to_8_bit(np.asarray(upright))).convert("RGB")
    if "transparency" in upright.info or upright.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        seen = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return upright.convert("RGB")


def _to_8_bit(levels: np.ndarray) -> np.ndarray:
    """Integers [H, W], 0..65535 or clipped to that, to uint8; a few rows at a time, because 8 bytes a pixel add up."""
    scaled = np.empty(levels.shape, np.uint8)
    for start in range(0, len(levels), _ROWS):
        rows = np.clip(levels[start : start + _ROWS].astype(np.int32), 0, 65535)
        scaled[start : start + _ROWS] = (rows + 128) // 257
    return scaled


def is_plain(image: Image.Image) -> bool:
    """Whether TensorFlow's JPEG or PNG decoder shows this opened (not yet loaded) image as `to_rgb` would."""
    if image.mode not in _PLAIN_MODES or "transparency" in image.info:
        return False
    if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1:
        return False
    if image.format in ("JPEG", "MPO"):
        return True
    # 16-bit color is only told by the raw mode here; the mode says RGB.
    return image.format == "PNG" and all("16" not in str(tile[3]) for tile in image.tile)
