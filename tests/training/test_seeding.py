"""Seeds: the same numbers again, of Python, TensorFlow and NumPy."""

import random

import numpy as np
import tensorflow as tf

from sjft_tf.training.seeding import set_seeds


def drawn(seed):
    set_seeds(seed)
    return random.random(), float(tf.random.uniform(())), float(np.random.rand())  # noqa: NPY002 (what the seed is for)


def test_the_same_seed_draws_the_same():
    assert drawn(3) == drawn(3)
    assert all(one != other for one, other in zip(drawn(3), drawn(4), strict=True))
