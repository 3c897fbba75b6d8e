"""JPEG and PNG files of any kind as arrays: one of TensorFlow's operations an image, called from Python.

`in_graph` has the same in TensorFlow's operations alone; `tests/images/decoding/test_pixels.py` holds them together.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sjft_tf.images.decoding.orientation import PNG

DEPTH_AT, COLOR_AT = 24, 25  # of a PNG's bits a sample, and its color type
PALETTE = 3


def decode_jpeg(encoded: tf.Tensor | bytes, ratio: int = 1) -> tf.Tensor:
    """A JPEG file (the operation also takes PNG) to uint8 [H, W, 3], its sides divided by `ratio`."""
    # The accurate transform is the one Pillow and most other programs use.
    return tf.io.decode_jpeg(encoded, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")


def stored_values(encoded: bytes, keyed: bool) -> np.ndarray:
    """A JPEG or PNG file to [H, W, 1 to 4], gray or RGB, with alpha behind it; rows and columns as they are stored.

    Args:
        encoded: the file's bytes.
        keyed: whether a PNG has a transparent color (a tRNS chunk).

    Returns:
        uint16 of a PNG of 16 bits, else uint8, in 0..255 also where the file has fewer bits.

    Raises:
        tf.errors.InvalidArgumentError: the file is damaged.
    """
    with tf.device("/CPU:0"):
        if not encoded.startswith(PNG):
            return decode_jpeg(encoded).numpy()
        if len(encoded) <= COLOR_AT:
            raise tf.errors.InvalidArgumentError(None, None, "The file ends within its header")
        depth, palette = encoded[DEPTH_AT], encoded[COLOR_AT] == PALETTE
        # Without a palette the operation passes a transparent color over unless it is asked for four channels.
        channels = 4 if keyed and not palette else 0
        return tf.io.decode_png(encoded, channels, tf.uint16 if depth == 16 else tf.uint8).numpy()
