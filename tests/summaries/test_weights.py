"""Norms of the stages against sums over the arrays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from sjft_tf.summaries import weight_norms


def test_stages_by_the_size_of_their_maps():
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="a")(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="valid", name="b")(x)  # 7 px: about a half
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = keras.layers.Conv2D(4, 1, name="gate")(gate)
    x = keras.layers.Multiply()([x, gate])
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="c")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, name="target_head")(x))

    def norm(*names):
        kernels = [np.asarray(model.get_layer(name).get_weights()[0], np.float64) for name in names]
        return np.sqrt(sum((kernel**2).sum() for kernel in kernels))

    norms = weight_norms(model)
    want = {
        "trunk_stride_1": norm("a"),
        "trunk_stride_2": norm("b", "gate"),
        "trunk_stride_4": norm("c"),
        "target_head": norm("target_head"),
    }
    assert list(norms) == list(want)
    assert norms == pytest.approx(want)
