"""A network of stock layers answers as the one it was copied from, and needs nothing of ours to be loaded."""

import keras
import numpy as np
import pytest

from sjft_tf.models import ResumableDropout, build_joint_model, build_trunk, stock_layers, target_network
from sjft_tf.models.families import CaffePreprocessing
from sjft_tf.models.normalization import BatchNormalization


def stir(model, rng):
    """Weights with which every layer matters."""
    for layer in model.layers:
        kept = layer.get_weights()
        layer.set_weights([w + rng.uniform(-0.1, 0.1, w.shape) if w.dtype.kind == "f" else w for w in kept])
    return model


def caffe_network():
    inputs = keras.Input((8, 8, 3), name="image")
    x = CaffePreprocessing(name="preprocessing")(inputs)
    inner = keras.Input((8, 8, 3))
    x = keras.Model(inner, BatchNormalization()(keras.layers.Conv2D(4, 3)(inner)), name="inner")(x)
    return keras.Model(inputs, keras.layers.Dense(3)(ResumableDropout(0.5)(keras.layers.Flatten()(x))))


def small_network():
    return target_network(build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=4), 3, 5, dropout=0.3))


@pytest.mark.parametrize("make", [caffe_network, small_network])
def test_the_copy_answers_alike_and_is_kerass_own(make, rng):
    model = make()
    for part in [model, *(layer for layer in model.layers if isinstance(layer, keras.Model))]:
        stir(part, rng)
    pixels = rng.uniform(0, 255, (4, 8, 8, 3)).astype(np.float32)
    want = np.asarray(model(pixels, training=False))
    copy = stock_layers(model)
    assert np.ptp(want, axis=0).max() > 1e-3, "the network must tell images apart"
    np.testing.assert_allclose(copy(pixels, training=False), want, rtol=2e-5, atol=2e-5)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert "sjft" not in copy.to_json()
    assert "sjft" in model.to_json()
    np.testing.assert_array_equal(model(pixels, training=False), want)  # it stays as it was


def test_caffes_preprocessing_is_a_convolution(rng):
    inputs = keras.Input((4, 4, 3))
    copy = stock_layers(keras.Model(inputs, CaffePreprocessing()(inputs)))
    pixels = rng.uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    want = pixels[..., ::-1].astype(np.float64) - [103.939, 116.779, 123.68]
    np.testing.assert_allclose(copy(pixels), want, atol=1e-4)
    assert not copy.trainable_weights
