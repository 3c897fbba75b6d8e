"""Changes of an image's tones and sharpness, as Pillow does them, on float32 [H, W, 3] in 0..255."""

from __future__ import annotations

import tensorflow as tf

from sjft_tf.images.augment.color import blend


def solarize(image: tf.Tensor, threshold: float) -> tf.Tensor:
    """Values of at least `threshold` are inverted."""
    return tf.where(image < threshold, image, 255.0 - image)


def posterize(image: tf.Tensor, bits: int) -> tf.Tensor:
    """Only the highest `bits` (1 to 8) of each value, rounded to an integer, are left."""
    step = float(2 ** (8 - bits))
    return tf.floor(tf.round(image) / step) * step


def autocontrast(image: tf.Tensor) -> tf.Tensor:
    """Every channel stretched to 0..255; an even one stays."""
    low, high = tf.reduce_min(image, [0, 1]), tf.reduce_max(image, [0, 1])
    even = high <= low
    stretched = (image - low) * (255.0 / tf.where(even, 1.0, high - low))
    return tf.where(even, image, tf.clip_by_value(stretched, 0.0, 255.0))


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Every channel's values, rounded to integers, replaced so that their cumulative histogram is about straight."""
    values = tf.cast(tf.round(image), tf.int32)
    return tf.stack([_equalized(values[..., channel]) for channel in range(3)], -1)


def _equalized(values: tf.Tensor) -> tf.Tensor:
    counts = tf.math.bincount(tf.reshape(values, [-1]), minlength=256, maxlength=256)
    last = counts[tf.reduce_max(values)]
    # How many pixels one output value is for; the highest value's own do not count.
    step = (tf.size(values) - last) // 255
    table = (tf.cumsum(counts, exclusive=True) + step // 2) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(table, 255), tf.range(256))
    return tf.cast(tf.gather(table, values), tf.float32)


def sharpness(image: tf.Tensor, factor: tf.Tensor | float) -> tf.Tensor:
    """Blended with its smoothed self (3 x 3, center weighted 5, neighbors 1); border pixels stay as they are."""
    kernel = tf.constant([[1, 1, 1], [1, 5, 1], [1, 1, 1]], tf.float32)[:, :, None, None] / 13
    smooth = tf.nn.depthwise_conv2d(image[None], tf.tile(kernel, [1, 1, 3, 1]), [1, 1, 1, 1], "SAME")[0]
    rows, columns = (tf.range(tf.shape(image)[axis]) for axis in (0, 1))
    inner = [(at > 0) & (at < tf.shape(at)[0] - 1) for at in (rows, columns)]
    smooth = tf.where((inner[0][:, None] & inner[1][None, :])[:, :, None], smooth, image)
    return blend(image, smooth, factor)
