"""JPEG and PNG files of any kind to uint8 RGB: TensorFlow's decoders, the rest in NumPy.

`in_graph` has the same in TensorFlow's operations; `tests/images/test_pixels.py` holds the two to each other. This one
takes one operation an image, called from Python, and as many channels as the file has.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sjft_tf.images.orientation import PNG

DEPTH_AT, COLOR_AT = 24, 25  # of a PNG's bits a sample, and its color type
PALETTE = 3
AS_8_BIT = ((np.arange(1 << 16) + 128) // 257).astype(np.uint8)
"""16-bit levels to 8 bits, uint8 [65536]."""


def stored_pixels(encoded: bytes, keyed: bool) -> np.ndarray:
    """A JPEG or PNG file to uint8 [H, W, 3], rows and columns as they are stored, transparency laid over white.

    Args:
        encoded: the file's bytes.
        keyed: whether a PNG has a transparent color (a tRNS chunk).

    Raises:
        tf.errors.InvalidArgumentError: the file is damaged.
    """
    with tf.device("/CPU:0"):
        if not encoded.startswith(PNG):
            return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        if len(encoded) <= COLOR_AT:
            raise tf.errors.InvalidArgumentError(None, None, "The file ends within its header")
        depth, palette = encoded[DEPTH_AT], encoded[COLOR_AT] == PALETTE
        # Without a palette the operation passes a transparent color over unless it is asked for four channels.
        channels = 4 if keyed and not palette else 0
        pixels = tf.io.decode_png(encoded, channels, tf.uint16 if depth == 16 else tf.uint8).numpy()
    if pixels.dtype == np.uint16:
        pixels = AS_8_BIT[pixels]
    if pixels.shape[2] in (1, 3):
        return np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return over_white(pixels)


def over_white(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 2 or 4], the last one alpha, to uint8 [H, W, 3]."""
    color, alpha = pixels[..., :-1].astype(np.uint16), pixels[..., -1:].astype(np.uint16)
    laid = ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.broadcast_to(laid, (*laid.shape[:2], 3))
