"""Fused batch normalization against the stock layer: outputs, gradients, moving statistics, weights and files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import FusedBatchNormalization, momentum_for_run, replace_batch_norm


def _pair(shape, **options):
    stock, fused = keras.layers.BatchNormalization(**options), FusedBatchNormalization(**options)
    rng = np.random.default_rng(1)
    for layer in (stock, fused):
        layer.build(shape)
    weights = [rng.uniform(0.5, 1.5, w.shape).astype("float32") for w in stock.get_weights()]
    stock.set_weights(weights)
    fused.set_weights(weights)
    return stock, fused


def _step(layer, x, training):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
    sources = [x] + [getattr(v, "value", v) if KERAS_3 else v for v in layer.trainable_variables]
    return y.numpy(), [g.numpy() for g in tape.gradient(loss, sources)], layer.get_weights()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.7, "epsilon": 1e-5}, {"scale": False}, {"center": False}, {"center": False, "scale": False}],
)
def test_equals_the_stock_layer(rng, options, training):
    x = rng.normal(3.0, 2.0, (4, 5, 6, 3)).astype("float32")
    stock, fused = _pair((None, 5, 6, 3), **options)
    (y, gradients, weights), (fused_y, fused_gradients, fused_weights) = (
        _step(stock, x, training),
        _step(fused, x, training),
    )
    np.testing.assert_allclose(fused_y, y, rtol=1e-5, atol=1e-5)
    for e, f in zip(weights, fused_weights, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-5)
    for e, f in zip(gradients, fused_gradients, strict=True):
        # Sums of 120 products in float32, in which the stock formula cancels.
        np.testing.assert_allclose(f, e, rtol=2e-4, atol=2e-4)


def test_moving_statistics_by_hand():
    # One channel, values 0 and 4: mean 2, plain variance 4, with Bessel's correction 8.
    layer = FusedBatchNormalization(momentum=0.75)
    layer(np.array([0.0, 4.0], "float32").reshape(1, 1, 2, 1), training=True)
    variance = 4.0 if KERAS_3 else 8.0
    assert layer.moving_mean.numpy() == pytest.approx([0.25 * 2.0])
    assert layer.moving_variance.numpy() == pytest.approx([0.75 * 1.0 + 0.25 * variance])


def test_a_single_value_per_channel_stays_finite():
    layer = FusedBatchNormalization()
    y = layer(np.full((1, 1, 1, 2), 7.0, "float32"), training=True)
    np.testing.assert_allclose(y, np.zeros((1, 1, 1, 2)), atol=1e-5)
    assert np.isfinite(np.concatenate(layer.get_weights())).all()


def test_frozen_layer_runs_in_inference_mode_and_keeps_its_statistics(rng):
    x = rng.normal(3.0, 2.0, (4, 5, 6, 3)).astype("float32")
    _, fused = _pair((None, 5, 6, 3))
    inference = fused(x, training=False).numpy()
    before = fused.get_weights()
    fused.trainable = False
    np.testing.assert_array_equal(fused(x, training=True).numpy(), inference)
    for b, a in zip(before, fused.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(8, 3), (4, 5, 3), (2, 3, 4, 5, 3)])
def test_other_ranks_go_to_the_stock_code(rng, shape):
    x = rng.normal(size=shape).astype("float32")
    stock, fused = _pair((None, *shape[1:]))
    np.testing.assert_allclose(fused(x, training=True), stock(x, training=True), rtol=1e-5, atol=1e-5)


def test_channels_first_axis_goes_to_the_stock_code(rng):
    x = rng.normal(size=(4, 3, 5, 3)).astype("float32")
    layer = FusedBatchNormalization(axis=2)
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y.mean((0, 1, 3)), np.zeros(5), atol=1e-5)


def test_sixteen_bit_inputs_keep_float32_statistics(rng):
    layer = FusedBatchNormalization(dtype="mixed_bfloat16")
    y = layer(rng.normal(size=(4, 5, 5, 3)).astype("float32"), training=True)
    assert y.dtype == tf.bfloat16
    assert layer.moving_mean.numpy().dtype == np.float32


def test_works_inside_a_compiled_function(rng):
    x = tf.constant(rng.normal(size=(4, 5, 5, 3)).astype("float32"))
    stock, fused = _pair((None, 5, 5, 3))
    y = tf.function(lambda v: fused(v, training=True))(x)
    np.testing.assert_allclose(y, stock(x, training=True), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fused.moving_variance.numpy(), stock.moving_variance.numpy(), rtol=1e-5)


def _stock_model():
    inner_in = keras.Input((4, 4, 6))
    inner = keras.Model(inner_in, keras.layers.BatchNormalization(momentum=0.999)(inner_in), name="inner")
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Normalization(axis=-1, name="scale")(inputs)
    x = keras.layers.Conv2D(6, 3, 2, padding="same", name="conv")(x)
    x = keras.layers.BatchNormalization(momentum=0.999, name="bn")(x)
    outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Dropout(0.5)(inner(x)))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(2)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) for w in layer.get_weights()])
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def test_replace_keeps_outputs_names_flags_and_weights(rng):
    stock = _stock_model()
    stock.get_layer("bn").trainable = False
    x = rng.uniform(size=(3, 8, 8, 3)).astype("float32")
    expected, weights, names = stock(x).numpy(), stock.get_weights(), [layer.name for layer in stock.layers]
    replaced = replace_batch_norm(stock, momentum=0.9)
    np.testing.assert_allclose(replaced(x), expected, rtol=1e-5, atol=1e-5)
    for old, new in zip(weights, replaced.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    assert [layer.name for layer in replaced.layers] == names
    assert not replaced.get_layer("bn").trainable
    assert replaced.get_layer("inner").layers[1].trainable
    for layer in (replaced.get_layer("bn"), replaced.get_layer("inner").layers[1]):
        assert layer.momentum == 0.9
        assert isinstance(layer, FusedBatchNormalization if KERAS_3 else keras.layers.BatchNormalization)


def test_replace_without_momentum_keeps_each_layers_own():
    assert replace_batch_norm(_stock_model()).get_layer("bn").momentum == 0.999


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_replace_refuses_an_impossible_momentum(momentum):
    with pytest.raises(InputError, match="Received"):
        replace_batch_norm(_stock_model(), momentum)


def test_weight_files_go_both_ways_between_stock_and_replaced(rng, tmp_path):
    x = rng.uniform(size=(3, 8, 8, 3)).astype("float32")
    stock, replaced = _stock_model(), replace_batch_norm(_stock_model())
    replaced.set_weights([w + 0.25 if w.dtype == np.float32 else w for w in replaced.get_weights()])
    replaced.save_weights(tmp_path / "a.weights.h5")
    stock.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(stock.get_weights(), replaced.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    stock.save_weights(tmp_path / "b.weights.h5")
    again = replace_batch_norm(_stock_model())
    again.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_allclose(again(x), stock(x), rtol=1e-5, atol=1e-5)


def test_saved_model_comes_back_fused(tmp_path):
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, FusedBatchNormalization(momentum=0.8)(inputs))
    model.save(tmp_path / "m.keras")
    layer = keras.models.load_model(tmp_path / "m.keras", safe_mode=True).layers[1]
    assert type(layer) is FusedBatchNormalization
    assert layer.momentum == 0.8


@pytest.mark.parametrize(
    ("steps", "momentum"), [(1, 0.9), (750, 0.9), (1500, 0.95), (3000, 0.975), (7500, 0.99), (10**6, 0.99)]
)
def test_momentum_for_run(steps, momentum):
    assert momentum_for_run(steps) == pytest.approx(momentum)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_longer_runs_never_get_a_smaller_momentum(a, b):
    assert momentum_for_run(min(a, b)) <= momentum_for_run(max(a, b))


def test_momentum_refuses_zero_steps():
    with pytest.raises(InputError, match="steps=0"):
        momentum_for_run(0)
