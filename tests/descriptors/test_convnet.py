"""Keras layers as a filter bank, before and after their nonlinearity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import ConvNetBank, FilterBank
from sjft_tf.errors import InputError


def small_model():
    inputs = keras.Input((8, 8, 3))
    fused = keras.layers.Conv2D(4, 3, activation="relu", name="fused")(inputs)
    plain = keras.layers.Conv2D(5, 3, name="plain")(fused)
    relu = keras.layers.ReLU(name="relu")(plain)
    normed = keras.layers.BatchNormalization(name="normed")(keras.layers.Conv2D(2, 1, name="lonely")(relu))
    tanh = keras.layers.Activation("tanh", name="tanh")(normed)
    vector = keras.layers.GlobalAveragePooling2D(name="vector")(tanh)
    return keras.Model(inputs, keras.layers.Dense(2, name="dense")(vector))


@pytest.fixture
def images(rng):
    return tf.constant(rng.uniform(-1, 1, (2, 8, 8, 3)), tf.float32)


def convolved(layer, images):
    kernel, bias = layer.get_weights()
    return tf.nn.conv2d(images, kernel, 1, "VALID") + bias


def test_fused_activation_is_undone_and_the_model_left_alone(images):
    model = small_model()
    before = [weights.copy() for weights in model.get_weights()]
    bank = ConvNetBank(model, ["fused", "plain"])
    assert isinstance(bank, FilterBank)
    assert bank.layer_channels == (4, 5)
    linear, plain = bank.responses(images)
    expected = convolved(model.get_layer("fused"), images)
    np.testing.assert_allclose(linear, expected, atol=1e-5)
    assert np.min(linear) < 0
    np.testing.assert_allclose(plain, convolved(model.get_layer("plain"), tf.nn.relu(expected)), atol=1e-5)
    assert model.get_layer("fused").activation is keras.activations.relu
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_after_the_nonlinearity(images):
    model = small_model()
    linear = ConvNetBank(model, ["fused", "plain", "normed"]).responses(images)
    after = ConvNetBank(model, ["fused", "plain", "normed"], before_nonlinearity=False).responses(images)
    for one, other, function in zip(linear, after, (tf.nn.relu, tf.nn.relu, tf.tanh), strict=True):
        np.testing.assert_allclose(function(one), other, atol=1e-6)


def test_naming_the_activation_layer(images):
    model = small_model()
    for name, source in (("relu", "plain"), ("tanh", "normed")):
        np.testing.assert_array_equal(
            ConvNetBank(model, [name]).responses(images)[0], ConvNetBank(model, [source]).responses(images)[0]
        )
        np.testing.assert_array_equal(
            ConvNetBank(model, [name], before_nonlinearity=False).responses(images)[0],
            ConvNetBank(model, [source], before_nonlinearity=False).responses(images)[0],
        )


def test_no_nonlinearity_to_take():
    with pytest.raises(InputError, match="No nonlinearity follows layer 'lonely' directly"):
        ConvNetBank(small_model(), ["lonely"], before_nonlinearity=False)


def test_preprocessing_comes_first(images):
    model = small_model()
    doubled = ConvNetBank(model, ["fused"], preprocess=lambda x: 2 * x).responses(images)
    np.testing.assert_allclose(doubled[0], ConvNetBank(model, ["fused"]).responses(2 * images)[0], atol=1e-6)


def test_in_a_graph_and_in_tf_data(images):
    bank = ConvNetBank(small_model(), ["fused", "plain"])
    eager = bank.responses(images)
    graph = tf.function(bank.responses)(images)
    dataset = tf.data.Dataset.from_tensors(images).map(lambda x: tuple(bank.responses(x)))
    for one, two, three in zip(eager, graph, next(iter(dataset)), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
        np.testing.assert_allclose(one, three, atol=1e-6)


def test_fingerprint_follows_content_not_names():
    model = small_model()
    twin = small_model()
    twin.set_weights(model.get_weights())
    first = ConvNetBank(model, ["fused", "plain"]).fingerprint
    assert ConvNetBank(twin, ["fused", "plain"]).fingerprint == first
    others = {
        ConvNetBank(model, ["plain", "fused"]).fingerprint,
        ConvNetBank(model, ["plain"]).fingerprint,
        ConvNetBank(model, ["fused", "plain"], before_nonlinearity=False).fingerprint,
        ConvNetBank(model, ["fused", "plain"], preprocess_name="other").fingerprint,
        ConvNetBank(small_model(), ["fused", "plain"]).fingerprint,
    }
    assert len(others | {first}) == 6


def test_bad_layers():
    model = small_model()
    with pytest.raises(InputError, match=r"at least one layer name. Choices: fused, plain, relu"):
        ConvNetBank(model, [])
    with pytest.raises(InputError, match=r"no layer 'absent'.*Choices: fused"):
        ConvNetBank(model, ["absent"])
    with pytest.raises(InputError, match="'vector' gives outputs of shape"):
        ConvNetBank(model, ["vector"])
    shared = keras.layers.Conv2D(3, 1, name="shared")
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(InputError, match="used more than once"):
        ConvNetBank(keras.Model(inputs, shared(shared(inputs))), ["shared"])
    two = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    with pytest.raises(InputError, match="one input"):
        ConvNetBank(keras.Model(two, keras.layers.Add(name="sum")(two)), ["sum"])
