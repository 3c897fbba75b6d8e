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

_ORIENTATION = 0x0112
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


def decode_with_pillow(encoded: bytes | np.ndarray) -> np.ndarray:
    """Any format Pillow reads, to uint8 [H, W, 3]."""
    # `numpy_function` hands over bytes inside a graph, and an array of shape () when called eagerly.
    content = encoded.item() if isinstance(encoded, np.ndarray) else encoded
    with Image.open(io.BytesIO(content)) as opened:
        return np.asarray(to_rgb(opened))


def to_rgb(image: Image.Image) -> Image.Image:
    """What a viewer with a white background would show of the image's first frame."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion would clip at 255
        levels = np.clip(np.asarray(upright, np.int64), 0, 65535)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
    if "transparency" in upright.info or upright.mode in ("LA", "PA", "La", "RGBA", "RGBa"):
        seen = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return upright.convert("RGB")


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
