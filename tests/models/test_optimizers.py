"""Coupled L2 by hand, schedules over several fits, and bit-exact continuation from saved optimizer state."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.errors import InputError
from sjft_tf.models import (
    build_joint_model,
    build_trunk,
    make_optimizer,
    make_schedule,
    optimizer_state,
    restore_optimizer_state,
)

NAMES = ["sgd", "adam", "adamw"] + ([] if KERAS_3 else ["tfa:LAMB", "tfa:SGDW"])


def _dense(kernel, bias, dtype="float64"):
    layer = keras.layers.Dense(kernel.shape[1], dtype=dtype)
    layer.build((None, kernel.shape[0]))
    layer.set_weights([kernel, bias])
    return layer


@pytest.mark.parametrize("nesterov", [False, True])
def test_three_steps_of_sgd_with_momentum_and_coupled_l2(rng, nesterov):
    rate, momentum, decay = 0.125, 0.9, 0.25
    kernel, bias = rng.normal(size=(2, 3)), rng.normal(size=3)
    layer = _dense(kernel, bias)
    optimizer = make_optimizer("sgd", rate, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    velocity = [np.zeros_like(kernel), np.zeros_like(bias)]
    expected = [kernel, bias]
    for _ in range(3):
        gradients = [rng.normal(size=(2, 3)), rng.normal(size=3)]
        optimizer.apply_gradients(
            [(tf.constant(g), v) for g, v in zip(gradients, layer.trainable_variables, strict=True)]
        )
        for i, (gradient, l2) in enumerate(zip(gradients, (decay, 0.0), strict=True)):  # the bias has no penalty
            total = gradient + l2 * expected[i]
            velocity[i] = momentum * velocity[i] - rate * total
            move = momentum * velocity[i] - rate * total if nesterov else velocity[i]
            expected[i] = expected[i] + move
    for weights, wanted in zip(layer.get_weights(), expected, strict=True):
        np.testing.assert_allclose(weights, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "kernel_moves"), [("sgd", True), ("adam", True), ("adamw", True)])
def test_decay_shrinks_kernels_and_leaves_biases_alone(name, kernel_moves):
    layer = _dense(np.ones((2, 2), "float32"), np.ones(2, "float32"), "float32")
    optimizer = make_optimizer(name, 0.1, weight_decay=0.5)
    optimizer.apply_gradients([(tf.zeros_like(tf.convert_to_tensor(v)), v) for v in layer.trainable_variables])
    kernel, bias = layer.get_weights()
    assert (kernel < 1).all() == kernel_moves
    np.testing.assert_array_equal(bias, np.ones(2))


def test_zero_decay_is_plain_sgd(rng):
    kernel, bias, gradient = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=(2, 3))
    mine, stock = _dense(kernel, bias), _dense(kernel, bias)
    for layer, optimizer in (
        (mine, make_optimizer("sgd", 0.1, momentum=0.5, weight_decay=0.0)),
        (stock, keras.optimizers.SGD(0.1, momentum=0.5)),
    ):
        optimizer.build(layer.trainable_variables)
        optimizer.apply_gradients([(tf.constant(gradient), layer.trainable_variables[0])])
    np.testing.assert_array_equal(mine.get_weights()[0], stock.get_weights()[0])


def test_configuration_round_trip():
    optimizer = make_optimizer("sgd", make_schedule("step", 0.1, 10, decay_steps=4), weight_decay=0.3)
    twin = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(twin) is type(optimizer)
    assert twin.l2 == 0.3
    assert twin.momentum == 0.9


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lion?", {}, "sgd, adam, adamw"),
        ("sgd", {"momentum": 1.0}, "momentum=1.0"),
        ("sgd", {"weight_decay": -1.0}, "weight_decay=-1.0"),
        ("tfa:Nonsense", {}, "Addons" if KERAS_3 else "LAMB"),
    ],
)
def test_bad_settings_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        make_optimizer(name, 0.1, **options)


@pytest.mark.skipif(KERAS_3, reason="TensorFlow Addons needs Keras 2.15")
def test_addons_optimizer_gets_our_settings():
    optimizer = make_optimizer("tfa:SGDW", 0.1, momentum=0.8, weight_decay=0.01, nesterov=True)
    assert optimizer.get_config()["momentum"] == pytest.approx(0.8)
    assert optimizer.get_config()["weight_decay"] == pytest.approx(0.01)
    assert optimizer.get_config()["nesterov"] is True


def _training(name, decay_steps=2):
    model = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=4), 3, 4)
    return model, make_optimizer(name, make_schedule("step", 0.01, 100, decay_steps=decay_steps), weight_decay=1e-3)


def _train(model, optimizer, batches):
    model.prepare({"target": 0.5, "source": 0.5})
    model.compile(optimizer=optimizer)
    for x, y in batches:
        model.train_on_batch(x, y)


def _batches(rng, count):
    other = np.full(4, -1)
    return [
        (
            rng.uniform(0, 255, (8, 8, 8, 3)).astype("float32"),
            {
                "target": np.concatenate([rng.integers(0, 3, 4), other]).astype("int32"),
                "source": np.concatenate([other, rng.integers(0, 4, 4)]).astype("int32"),
            },
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_restored_state_continues_bit_for_bit(rng, name, tmp_path):
    batches = _batches(rng, 5)
    model, optimizer = _training(name)
    _train(model, optimizer, batches[:3])
    state, weights = optimizer_state(optimizer), model.get_weights()
    assert list(state) == sorted(state)
    assert int(optimizer.iterations.numpy()) == 3
    np.savez(tmp_path / "state.npz", **state)
    for x, y in batches[3:]:
        model.train_on_batch(x, y)

    twin, fresh = _training(name)
    twin.set_weights(weights)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as saved:
        restore_optimizer_state(fresh, twin, saved)
    assert int(fresh.iterations.numpy()) == 3
    _train(twin, fresh, batches[3:])
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(b, a)
    after, twin_after = optimizer_state(optimizer), optimizer_state(fresh)
    assert list(after) == list(twin_after)
    for key in after:
        np.testing.assert_array_equal(twin_after[key], after[key])


def test_state_of_another_optimizer_or_model_is_refused(rng):
    model, optimizer = _training("sgd")
    _train(model, optimizer, _batches(rng, 1))
    state = optimizer_state(optimizer)
    with pytest.raises(InputError, match="arrays"):
        restore_optimizer_state(_training("adam")[1], model, state)
    wider = build_joint_model(build_trunk("preact_resnet", 8, depth=8, width=8), 3, 4)
    with pytest.raises(InputError, match="first difference"):
        restore_optimizer_state(make_optimizer("sgd", make_schedule("constant", 0.1, 9)), wider, state)


def test_schedule_runs_on_over_several_fits():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(inputs))
    schedule = make_schedule("step", 1.0, 6, decay_steps=2, decay_rate=0.5)
    # d/dw of -(w x) is -1 at x = 1, so that every step adds the current rate to w: 1 + 1 + 1/2 + 1/2 + 1/4 + 1/4.
    model.compile(optimizer=make_optimizer("sgd", schedule, momentum=0.0, weight_decay=0.0), loss=lambda y, p: -p)
    data = tf.data.Dataset.from_tensors((np.ones((1, 1), "float32"), np.ones((1, 1), "float32"))).repeat(3)
    for _ in range(2):
        model.fit(data, epochs=1, verbose=0, shuffle=False)
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(3.5)
