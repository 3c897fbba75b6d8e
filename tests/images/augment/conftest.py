"""One image changed with many seeds."""

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def changed():
    def change_often(change, image, count):
        """`change(image, [7, i])` for i below `count`, made in tf.data: float32 [count, H, W, 3]."""
        seeds = tf.data.Dataset.range(count).map(lambda i: change(tf.constant(image), tf.stack([7, i])))
        return np.concatenate(list(seeds.batch(count).as_numpy_iterator()))

    return change_often
