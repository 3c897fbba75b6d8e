"""Influence of the target images on TensorBoard: the histogram and the pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

_SUFFIX = ".influence"


def influence_summary(
    logdir: str | os.PathLike[str], scores: np.ndarray, pictures: Mapping[str, str | os.PathLike[str]]
) -> None:
    """Writes the histogram of `scores` float [N] and PNG files by name, in an event file that replaces the last one."""
    folder = Path(logdir)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"*tfevents*{_SUFFIX}"):
        old.unlink()
    writer = tf.summary.create_file_writer(str(folder), filename_suffix=_SUFFIX)
    with writer.as_default(step=0):
        tf.summary.histogram("influence/scores", np.where(np.isfinite(scores), scores, 0.0))
        for name, path in pictures.items():
            pixels = tf.io.decode_png(tf.io.read_file(os.fspath(path)), channels=3)
            tf.summary.image(f"influence/{name}", pixels[tf.newaxis])
    writer.close()
