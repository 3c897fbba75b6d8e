"""What it costs in exactness to have JPEG images decoded smaller (`ImageSet.reduced`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.views import View


def sample_rows(images: ImageSet, count: int, seed: int = 0) -> np.ndarray:
    """At most `count` distinct rows of the set drawn by `seed`: int32, ascending."""
    drawn = np.random.default_rng(seed).permutation(len(images))[:count]
    return np.sort(drawn).astype(np.int32)


def reduction_error(
    images: ImageSet, side: int, view: View, rows: Sequence[int] | np.ndarray | None = None
) -> tuple[float, float]:
    """How far the views of reduced images are from those of the images decoded in full.

    Args:
        images: the set, not reduced.
        side: as for `ImageSet.reduced`.
        view: what is seen of an image, float32 [crop, crop, 3] in 0..255.
        rows: int [M], at least one; None (default) draws 256 with `sample_rows`.

    Returns:
        (mean, max) of the absolute differences over all values of all views, in units of 0..255. Images that are
        not decoded smaller count too, with 0.

    Raises:
        ValueError: no rows, or `images` is reduced already.
    """
    if images.decoded_for is not None:
        raise ValueError(f"`images` must be decoded in full. Received: {images!r}")
    looked_at = sample_rows(images, 256) if rows is None else np.asarray(rows)
    if not len(looked_at):
        raise ValueError("`rows` must name at least one image. Received: none")

    def views(one: ImageSet) -> tf.data.Dataset:
        return one.dataset(looked_at).map(lambda example: view(example["image"]), num_parallel_calls=tf.data.AUTOTUNE)

    total, largest = 0.0, 0.0
    for full, smaller in tf.data.Dataset.zip((views(images), views(images.reduced(side)))).as_numpy_iterator():
        difference = np.abs(full - smaller)
        total += float(difference.mean(dtype=np.float64))
        largest = max(largest, float(difference.max()))
    return total / len(looked_at), largest
