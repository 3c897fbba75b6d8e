"""Seeds of a run, set once before anything is built."""

from __future__ import annotations

import keras
import tensorflow as tf


def set_seeds(seed: int, deterministic: bool = False) -> None:
    """Seeds Keras, NumPy and Python.

    Args:
        seed: for all of them.
        deterministic: TensorFlow's operations give bit-equal results from now on; cannot be taken back.
    """
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
