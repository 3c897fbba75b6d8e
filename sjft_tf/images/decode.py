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

from sjft_tf.images.formats import opened_formats
from sjft_tf.images.orientation import orientation_of, upright
from sjft_tf.images.png_jpeg import stored_pixels

# Pillow's own guard warns and cannot be set per call; `open_image` has one that refuses.
Image.MAX_IMAGE_PIXELS = None

MAX_PIXELS = 64_000_000  # decoded, 192 MB
_BYTES_A_PIXEL = 8  # 16-bit RGBA that did not shrink, of all formats the most
_OTHER_BYTES = 64 << 20  # profiles, previews, further frames
_ROWS = 64  # of a 16-bit image converted at a time
_PLAIN_MODES = ("L", "RGB")
_RATIOS = (1, 2, 4, 8)  # by which a JPEG decoder can divide the sides
_IN_GRAPH = ("JPEG", "MPO", "PNG")  # Pillow opens MPO, a JPEG with more behind it, as JPEG
_XMP = ("xmp", "XML:com.adobe.xmp", "Raw profile type xmp")


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
    """8-bit gray or RGB PNG or any JPEG, stored upright, scalar string, to uint8 [H, W, 3].

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
    image = tf.numpy_function(decode_image, [encoded], tf.uint8, stateful=False)
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


def decode_image(encoded: bytes | np.ndarray) -> np.ndarray:
    """A file in any of the formats, whose size has been judged before, to uint8 [H, W, 3]."""
    # `numpy_function` hands over bytes inside a graph, and an array of shape () when called eagerly.
    content = encoded.item() if isinstance(encoded, np.ndarray) else encoded
    with open_image(content, max_pixels=0) as opened:
        return decode_opened(opened, content)


def decode_opened(image: Image.Image, encoded: bytes) -> np.ndarray:
    """The image that was opened from these bytes, uint8 [H, W, 3]. Raises a dozen types on damaged files."""
    if image.format in _IN_GRAPH:
        try:
            return upright(stored_pixels(encoded, "transparency" in image.info), orientation_of(encoded))
        except tf.errors.InvalidArgumentError:
            # The decoders differ in which damage they forgive; what TensorFlow refuses, Pillow may still show.
            return upright(np.asarray(to_rgb(image)), orientation_of(encoded))
    return np.asarray(to_rgb(_turned(image)))


def _turned(image: Image.Image) -> Image.Image:
    """Upright by its EXIF; one that cannot be read says nothing."""
    image.load()
    for name in _XMP:  # Pillow would take an orientation from there as well
        image.info.pop(name, None)
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a dozen types, as everywhere
        return image


def to_rgb(image: Image.Image) -> Image.Image:
    """What a viewer with a white background would show of the image's first frame, as it is stored."""
    if image.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion would clip at 255
        return Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if "transparency" in image.info or image.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(levels: np.ndarray) -> np.ndarray:
    """Integers [H, W], 0..65535 or clipped to that, to uint8; a few rows at a time, because 8 bytes a pixel add up."""
    scaled = np.empty(levels.shape, np.uint8)
    for start in range(0, len(levels), _ROWS):
        rows = np.clip(levels[start : start + _ROWS].astype(np.int32), 0, 65535)
        scaled[start : start + _ROWS] = (rows + 128) // 257
    return scaled


def is_plain(image: Image.Image, encoded: bytes) -> bool:
    """Whether `decode_plain` shows the image opened (not yet loaded) from these bytes as `decode_opened` would."""
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
