"""What a frozen trunk makes of images: features on disk, so that memory does not grow with their number."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.errors import InputError


def trunk_features(
    trunk: keras.Model, image_sets: Sequence[Any], view: Callable[[Any], Any], folder: Path, batch_size: int = 128
) -> np.ndarray:
    """The features of all images of all sets, one set after the other.

    Args:
        trunk: images float32 [B, S, S, 3] to features float32 [B, F].
        image_sets: `images.ImageSet`s.
        view: image uint8 [H, W, 3] -> float32 [S, S, 3]; `images.View`.
        folder: where the file lies that holds them; it has no name and goes with the process.
        batch_size: images a forward pass.

    Returns:
        float32 [N, F], memory-mapped.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total, filled = sum(map(len, image_sets)), 0
    with tempfile.TemporaryFile(dir=folder) as file, progress.bar(total, "Features") as shown:
        found = np.memmap(file, np.float32, "w+", shape=(total, int(trunk.output.shape[-1])))
        forward = tf.function(lambda images: trunk(images, training=False), reduce_retracing=True)
        for image_set in image_sets:
            views = image_set.dataset().map(
                lambda element: view(element["image"]), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
            for images in views.batch(batch_size).prefetch(2):
                size = int(images.shape[0])
                # All batches have one shape: kernels round differently for different ones.
                padded = tf.pad(images, [[0, batch_size - size], [0, 0], [0, 0], [0, 0]])
                found[filled : filled + size] = forward(padded).numpy()[:size]
                filled += size
                shown.update(size)
    if filled != total:
        raise InputError(f"The image sets gave {filled} images where {total} were expected. Check for bad images.")
    return found
