"""From scores of patches to scores of the image and of its pixels; TensorFlow, inside a graph or eagerly."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def image_scores(scores: tf.Tensor, exponent: float) -> tf.Tensor:
    """The power mean over patches, (mean of s^k)^(1/k): the mean for k = 1, nearer to the largest the larger k is.

    Ranks images as the mean of s^k does, which the paper takes, and stays between 0 and 1.

    Args:
        scores: float32 [P, C], at least 0.
        exponent: k, above 0.

    Returns:
        float32 [C].
    """
    # Relative to the largest: small scores to the power of 5 are none in float32.
    most = tf.maximum(tf.reduce_max(scores, axis=0), 1e-30)
    return most * tf.reduce_mean((scores / most) ** exponent, axis=0) ** (1 / exponent)


def heat_map(
    patches: tf.Tensor,
    scores: tf.Tensor,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    side: int,
    mean: bool = False,
) -> tf.Tensor:
    """Scores of pixels: the sum of the scores of the patches over them.

    Args:
        patches: float32 [P, 4], x0, y0, x1, y1 in pixels.
        scores: float32 [P, C].
        height, width: of the image, pixels.
        side: cells of the map along both sides of the image; a cell counts as its center.
        mean: divided by the number of patches over it, which is smaller near the border.

    Returns:
        float32 [side, side, C].
    """
    unit = side / tf.cast(tf.stack([width, height, width, height]), tf.float32)
    # The first center that is not before an edge.
    x0, y0, x1, y1 = tf.unstack(tf.cast(tf.math.ceil(patches * unit - 0.5), tf.int32), axis=1)
    values = tf.concat([scores, tf.ones_like(scores[:, :1])], 1)
    # A rectangle is the sum, from the corner on, of +1 and -1 at its four corners.
    places = tf.concat([tf.stack(corner, axis=1) for corner in ((y0, x0), (y1, x1), (y0, x1), (y1, x0))], 0)
    signed = tf.concat([values, values, -values, -values], 0)
    # In float64, so that far from a rectangle its corners cancel.
    shape = tf.stack([side + 1, side + 1, tf.shape(values)[1]])
    summed = tf.cumsum(tf.cumsum(tf.scatter_nd(places, tf.cast(signed, tf.float64), shape), 0), 1)[:side, :side]
    total, count = summed[..., :-1], summed[..., -1:]
    return tf.cast(total / tf.maximum(count, 1) if mean else total, tf.float32)


def peaks(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """Where each class's map is highest, as x, y in pixels; of a plateau the cell that is nearest to its middle.

    Args:
        heat: float [h, w, C].
        height, width: of the image.

    Returns:
        float64 [C, 2].
    """
    rows, columns, classes = heat.shape
    found = np.empty((classes, 2))
    for c in range(classes):
        one = heat[..., c]
        # Equal but for rounding, which may differ from one start to the next.
        y, x = np.nonzero(one >= one.max() - 1e-5 * max(abs(float(one.max())), 1e-12))
        nearest = np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2)
        found[c] = (x[nearest] + 0.5) * width / columns, (y[nearest] + 0.5) * height / rows
    return found


def in_a_box(point: np.ndarray, boxes: np.ndarray) -> bool:
    """Whether a point x, y lies in one of the boxes [n, 4]."""
    x, y = point
    return bool(((boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])).any())
