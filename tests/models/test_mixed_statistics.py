"""Batch normalization by a mixture of statistics: against NumPy in float64, its gradients, and which layers mix."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.models import FusedBatchNormalization, mix_start_statistics
from sjft_tf.models.mixed_statistics import StartStatistics, batch_moments, mixed_batch_norm

EPSILON = 1e-3


def oracle(x, scale, offset, start, epsilon=EPSILON):
    """Mean and variance of a random value that comes from `start` with probability `share`, else from the batch."""
    x, start_mean, start_variance = (np.asarray(value, np.float64) for value in (x, start.mean, start.variance))
    mean = start.share * start_mean + (1 - start.share) * x.mean((0, 1, 2))
    square = start.share * (start_variance + start_mean**2) + (1 - start.share) * np.square(x).mean((0, 1, 2))
    variance = square - mean**2
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset, mean, variance


def some(rng, channels=3, shape=(4, 5, 6), share=0.5, shift=3.0):
    x = rng.normal(shift, 2.0, (*shape, channels)).astype("float32")
    scale, offset = rng.uniform(0.5, 1.5, (2, channels)).astype("float32")
    mean, variance = rng.normal(shift, 1.0, channels), rng.uniform(0.5, 3.0, channels)
    return x, scale, offset, StartStatistics(share, mean.astype("float32"), variance.astype("float32"))


@given(st.integers(0, 99), st.floats(0.01, 0.99), st.floats(-5, 5), st.integers(1, 4))
def test_it_is_the_mixture_of_two_distributions(seed, share, shift, channels):
    x, scale, offset, start = some(np.random.default_rng(seed), channels, (2, 3, 2), share, shift)
    for ours, wanted in zip(
        mixed_batch_norm(x, scale, offset, start, EPSILON), oracle(x, scale, offset, start), strict=True
    ):
        np.testing.assert_allclose(ours, wanted, rtol=2e-4, atol=2e-4)


def test_half_of_each_is_a_batch_of_both(rng):
    x, scale, offset, _ = some(rng)
    others = rng.normal(1.0, 4.0, x.shape).astype("float32")
    start = StartStatistics(0.5, others.mean((0, 1, 2)), others.var((0, 1, 2)))
    layer = FusedBatchNormalization(epsilon=EPSILON)
    layer.build(x.shape)
    layer.set_weights([scale, offset, np.zeros(3), np.ones(3)])
    joint = layer(np.concatenate([x, others]), training=True)[: len(x)]
    np.testing.assert_allclose(mixed_batch_norm(x, scale, offset, start, EPSILON)[0], joint, rtol=1e-4, atol=1e-4)


def test_large_means_lose_nothing(rng):
    x, scale, offset, start = some(rng, shift=3000.0)
    np.testing.assert_allclose(
        mixed_batch_norm(x, scale, offset, start, EPSILON)[0], oracle(x, scale, offset, start)[0], atol=2e-3
    )


def test_gradients_flow_through_the_batchs_part(rng):
    x, scale, offset, start = some(rng)
    weights = rng.normal(size=x.shape)
    wide = StartStatistics(start.share, start.mean.astype(np.float64), start.variance.astype(np.float64))

    def naive(x, scale, offset):
        mean, variance = tf.nn.moments(x, (0, 1, 2))
        mixed = wide.share * wide.mean + (1 - wide.share) * mean
        spread = wide.share * (wide.variance + (wide.mean - mixed) ** 2)
        spread += (1 - wide.share) * (variance + (mean - mixed) ** 2)
        return (x - mixed) / tf.sqrt(spread + EPSILON) * scale + offset

    def gradients(function, dtype):
        values = [tf.constant(value, dtype) for value in (x, scale, offset)]
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss = tf.reduce_sum(tf.sin(function(*values)) * tf.constant(weights, dtype))
        return tape.gradient(loss, values)

    ours = gradients(lambda *values: mixed_batch_norm(*values, start, EPSILON)[0], tf.float32)
    for got, wanted in zip(ours, gradients(naive, tf.float64), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4)


def test_one_value_a_channel_has_no_variance():
    mean, variance = batch_moments(tf.fill((1, 1, 1, 2), 7.0))
    np.testing.assert_array_equal([mean, variance], [[7, 7], [0, 0]])


def trunk(rng):
    inputs = keras.Input((4, 4, 3))
    x = FusedBatchNormalization(name="seen", momentum=0.75)(inputs)
    x = FusedBatchNormalization(name="fresh")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, FusedBatchNormalization(name="flat")(x))
    for name in ("seen", "flat"):
        layer = model.get_layer(name)
        layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def test_layers_that_have_seen_images_mix(rng):
    model = trunk(rng)
    x = rng.normal(1.0, 2.0, (8, 4, 4, 3)).astype("float32")
    inference = model(x, training=False).numpy()
    layer = model.get_layer("seen")
    scale, offset, *start = layer.get_weights()
    assert mix_start_statistics(model, 0.25) == 2
    assert model.get_layer("fresh").start is None
    np.testing.assert_array_equal(model(x, training=False), inference)
    outputs = tf.function(lambda images: layer(images, training=True))(x)
    wanted, mean, variance = oracle(x, scale, offset, StartStatistics(0.25, *start), layer.epsilon)
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-4)
    for moving, before, seen in zip(layer.get_weights()[2:], start, (mean, variance), strict=True):
        np.testing.assert_allclose(moving, 0.75 * before + 0.25 * seen, rtol=1e-4)


def test_what_they_started_with_stays(rng):
    model = trunk(rng)
    mix_start_statistics(model, 0.5)
    layer = model.get_layer("seen")
    before = layer.start
    layer.set_weights([w + 1 for w in layer.get_weights()])
    assert layer.start is before
    assert mix_start_statistics(model, 0.0) == 0
    assert layer.start is None


def test_frozen_and_flat_layers_go_on_as_they_do(rng):
    model = trunk(rng)
    x = rng.normal(size=(8, 4, 4, 3)).astype("float32")
    layer, flat = model.get_layer("seen"), model.get_layer("flat")
    plain = flat(x[:, 0, 0], training=True).numpy()
    mix_start_statistics(model, 0.5)
    np.testing.assert_allclose(flat(x[:, 0, 0], training=True), plain, rtol=1e-5, atol=1e-6)
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))


def test_sixteen_bits_mix_in_float32(rng):
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    mix_start_statistics(model, 0.5)
    outputs = layer(rng.normal(size=(4, 4, 4, 3)).astype("float32"), training=True)
    assert outputs.dtype == tf.bfloat16
    assert layer.moving_mean.numpy().dtype == np.float32


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_an_impossible_share_is_refused(rng, share):
    with pytest.raises(InputError, match="`share` of the starting statistics must be at least 0 and below 1. Received"):
        mix_start_statistics(trunk(rng), share)
