"""The training step against float64 oracles: accumulation, clipping, averages, penalties, rates, XLA, 16 bits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.compat import KERAS_3
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models import (
    build_joint_model,
    build_trunk,
    make_optimizer,
    optimizer_state,
    precision_scope,
    restore_optimizer_state,
)
from sjft_tf.training import compile_joint

CONFIG = RunConfig()
ROWS = 8


def settings(model=None, **training):
    """Plain SGD over a constant rate unless told otherwise."""
    plain = {"schedule": "constant", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    plain |= {"target_weight": 0.5, "source_weight": 0.5}
    return CONFIG.replace("model", **(model or {})).replace("training", **(plain | training))


def compiled(model, config):
    compile_joint(model, config.training, config.model)


def linear_model():
    """Heads on the mean color, so that gradients can be written down; weights from a fixed seed."""
    rng = np.random.default_rng(4)
    inputs = keras.Input((2, 2, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    trunk = keras.Model(inputs, keras.layers.Dense(4, name="features")(pooled), name="linear")
    model = build_joint_model(trunk, 3, 5)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


def batch(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    half, other = rows // 2, np.full(rows // 2, -1)
    labels = {
        "target": np.concatenate([rng.integers(0, 3, half), other]).astype("int32"),
        "source": np.concatenate([other, rng.integers(0, 5, half)]).astype("int32"),
    }
    return rng.normal(size=(rows, 2, 2, 3)).astype("float32"), labels


def oracle(weights, images, labels, loss_weights=(0.5, 0.5)):
    """Loss and gradients of the linear model in float64, in the order of its weights."""
    kernel, bias, *heads = [np.asarray(w, np.float64) for w in weights]
    x = images.astype(np.float64).mean((1, 2))
    features, loss, gradients, back = x @ kernel + bias, 0.0, {}, np.zeros((len(x), 4))
    by_name = dict(zip(("source", "target"), (heads[:2], heads[2:]), strict=True))
    for name, weight in zip(("target", "source"), loss_weights, strict=True):
        w, b = by_name[name]
        rows = np.flatnonzero(labels[name] >= 0)
        z = features @ w + b
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        d = np.zeros_like(p)
        if len(rows):
            truth = labels[name][rows]
            loss -= weight * np.log(p[rows, truth]).mean()
            d[rows] = p[rows]
            d[rows, truth] -= 1
            d *= weight / len(rows)
        gradients[name] = [features.T @ d, d.sum(0)]
        back += d @ w.T
    return loss, [x.T @ back, back.sum(0), *gradients["source"], *gradients["target"]]


def order_is_as_assumed(model):
    return [tuple(w.shape) for w in model.weights] == [(3, 4), (4,), (4, 5), (5,), (4, 3), (3,)]


def train(model, config, batches):
    compiled(model, config)
    data = tf.data.Dataset.from_tensor_slices(stacked(batches))
    return model.fit(data, epochs=1, verbose=0, shuffle=False).history


def assert_close(values, wanted, tolerance=1e-5):
    for a, b in zip(values, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def stacked(batches):
    images, labels = zip(*batches, strict=True)
    return np.stack(images), {name: np.stack([one[name] for one in labels]) for name in labels[0]}


def test_one_step_is_that_of_the_oracle():
    model = linear_model()
    assert order_is_as_assumed(model)
    start = model.get_weights()
    images, labels = batch()
    loss, gradients = oracle(start, images, labels)
    history = train(model, settings(), [(images, labels)])
    assert history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert_close(model.get_weights(), [w - 0.1 * g for w, g in zip(start, gradients, strict=True)])
    assert int(model.rules.steps) == 1


def test_micro_batches_make_the_step_of_one_large_batch():
    # Batches with different numbers of rows that count: a mean of means would be another step.
    parts = [batch(seed) for seed in range(3)]
    parts[1][1]["source"][5:] = -1
    parts[2][1]["target"][:] = -1
    images, labels = np.concatenate([p[0] for p in parts]), {}
    for name in ("target", "source"):
        labels[name] = np.concatenate([p[1][name] for p in parts])
    model = linear_model()
    start = model.get_weights()
    loss, gradients = oracle(start, images, labels)
    history = train(model, settings(accumulate=3), [stacked(parts)])
    assert history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert_close(model.get_weights(), [w - 0.1 * g for w, g in zip(start, gradients, strict=True)])


def test_schedule_and_momentum_count_steps_not_micro_batches():
    steps = [[batch(10 * i + j) for j in range(2)] for i in range(3)]
    config = settings(schedule="step", decay_steps=1, momentum=0.9)
    once, parted = linear_model(), linear_model()
    joined = []
    for step in steps:
        images, labels = stacked(step)
        joined.append((images.reshape(-1, 2, 2, 3), {name: label.reshape(-1) for name, label in labels.items()}))
    train(once, config, joined)
    train(parted, config.replace("training", accumulate=2), [stacked(step) for step in steps])
    assert_close(parted.get_weights(), once.get_weights())
    assert int(parted.optimizer.iterations) == int(parted.rules.steps) == 3


@pytest.mark.parametrize("limit", [0.01, 1e6])
def test_clipping_shortens_the_whole_gradient(limit):
    model = linear_model()
    start = model.get_weights()
    images, labels = batch()
    _, gradients = oracle(start, images, labels)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    history = train(model, settings(clip_norm=limit), [(images, labels)])
    assert history["gradient_norm"][0] == pytest.approx(norm, rel=1e-5)
    factor = min(1.0, limit / norm)
    assert_close(model.get_weights(), [w - 0.1 * factor * g for w, g in zip(start, gradients, strict=True)], 1e-6)


def test_the_average_follows_the_weights_and_can_be_swapped_in():
    model = linear_model()
    average = [w.astype(np.float64) for w in model.get_weights()]
    config = settings(average_weights=0.5)
    compiled(model, config)
    for step in range(4):
        model.train_on_batch(*batch(step))
        rest = 1 - min(0.5, (1 + step) / (10 + step))
        average = [a + rest * (w - a) for a, w in zip(average, model.get_weights(), strict=True)]
    trained = model.get_weights()
    model.rules.average.use(True)
    assert_close(model.get_weights(), average, 1e-6)
    model.rules.average.use(True)  # once is enough
    assert_close(model.get_weights(), average, 1e-6)
    model.rules.average.use(False)
    for a, b in zip(model.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_l2_sp_pulls_the_trunk_to_its_start_and_the_heads_to_zero(optimizer):
    # Without a valid label there is no gradient but the penalties'.
    model = linear_model()
    config = settings(l2_sp=0.5, weight_decay=0.25, optimizer=optimizer)
    compiled(model, config)
    start = [np.array(w) for w in model.get_weights()]
    moved = [w + 1 for w in start]
    model.set_weights(moved)
    images, labels = batch()
    model.train_on_batch(images, {name: np.full_like(label, -1) for name, label in labels.items()})
    wanted = [
        moved[0] - 0.1 * 0.5 * (moved[0] - start[0]),
        moved[1],
        *(w - (0.1 * 0.25 * w if w.ndim == 2 else 0) for w in moved[2:]),
    ]
    assert_close(model.get_weights(), wanted, 1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_layers_have_rates_of_their_own(optimizer):
    config = settings(layer_rate=["trunk:0.01"], optimizer=optimizer)
    plain, scaled = linear_model(), linear_model()
    start = plain.get_weights()
    data = [batch(3)]
    train(plain, config.replace("training", layer_rate=[]), data)
    train(scaled, config, data)
    for i, (a, b, c) in enumerate(zip(start, plain.get_weights(), scaled.get_weights(), strict=True)):
        factor = 0.01 if i < 2 else 1.0
        np.testing.assert_allclose(c - a, factor * (b - a), rtol=1e-3, atol=1e-7)


@pytest.mark.skipif(KERAS_3, reason="TensorFlow Addons needs Keras 2.15")
def test_an_addons_optimizer_has_no_l2_sp():
    with pytest.raises(InputError, match="--l2_sp works with sgd, adam and adamw. Received: --optimizer=tfa:LAMB"):
        compiled(linear_model(), settings(l2_sp=0.1, optimizer="tfa:LAMB"))


def small_model(precision="float32"):
    keras.utils.set_random_seed(3)
    with precision_scope(precision):
        trunk = build_trunk("preact_resnet", 8, depth=8, width=4)
    return build_joint_model(trunk, 3, 5)


def picture_batches(count=3):
    rng = np.random.default_rng(1)
    return [(rng.uniform(0, 255, (ROWS, 8, 8, 3)).astype("float32"), batch(i)[1]) for i in range(count)]


@pytest.mark.slow
def test_xla_agrees_with_the_plain_path():
    plain, compiled = small_model(), small_model()
    for model, jit in ((plain, False), (compiled, True)):
        train(model, settings(learning_rate=0.01, momentum=0.9, clip_norm=1.0, jit=jit), picture_batches())
    assert compiled.jit_compile if KERAS_3 else compiled._jit_compile
    assert_close(compiled.get_weights(), plain.get_weights(), 1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_sixteen_bit_trunks_train_float32_weights(precision):
    model, plain = small_model(precision), small_model()
    assert {w.dtype if isinstance(w.dtype, str) else w.dtype.name for w in model.weights} == {"float32"}
    images, _ = picture_batches(1)[0]
    outputs = model(images)
    assert {value.dtype for value in outputs.values()} == {tf.float32}
    assert model.get_layer("stem_conv").compute_dtype == precision
    np.testing.assert_allclose(outputs["target"], plain(images)["target"], atol=0.1)
    config = settings(model={"precision": precision}, learning_rate=0.01, momentum=0.9, clip_norm=5.0)
    history, wanted = (
        train(m, c, picture_batches())
        for m, c in ((model, config), (plain, settings(learning_rate=0.01, momentum=0.9, clip_norm=5.0)))
    )
    assert history["loss"][0] == pytest.approx(wanted["loss"][0], rel=0.05)
    assert history["gradient_norm"][0] == pytest.approx(wanted["gradient_norm"][0], rel=0.2)


def test_a_float16_step_that_overflows_is_left_out():
    model = small_model("float16")
    compiled(model, settings(model={"precision": "float16"}, clip_norm=1.0))
    before = [np.array(w) for w in model.trainable_weights]
    images, labels = picture_batches(1)[0]
    model.train_on_batch(images * np.float32(np.inf), labels)
    for a, b in zip(before, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("model", "training"),
    [
        ({}, {"layer_rate": ["stage2:0.01", "trunk:0.1"], "average_weights": 0.9}),
        ({"precision": "float16"}, {"clip_norm": 1.0}),
        ({"freeze": "stage1"}, {"l2_sp": 0.01, "optimizer": "adamw", "label_smoothing": 0.1}),
    ],
    ids=["rates", "float16", "frozen"],
)
def test_a_run_taken_up_again_continues_bit_for_bit(model, training):
    config = settings(model=model, momentum=0.9, **training)
    precision = config.model.precision
    undisturbed, first, second = (small_model(precision) for _ in range(3))
    start = undisturbed.get_weights()
    for one in (first, second):
        one.set_weights(start)
    batches = picture_batches(4)
    train(undisturbed, config, batches)
    train(first, config, batches[:2])
    compiled(second, config)
    second.set_weights(first.get_weights())
    restore_optimizer_state(second.optimizer, second, optimizer_state(first.optimizer))
    for name, variable in second.extra_variables.items():
        variable.assign(first.extra_variables[name])
    for images, labels in batches[2:]:
        second.train_on_batch(images, labels)
    assert int(second.rules.steps) == 4
    for a, b in zip(undisturbed.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = optimizer_state(undisturbed.optimizer), optimizer_state(second.optimizer)
    assert len(a) > 1
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])
    for name, variable in second.extra_variables.items():
        np.testing.assert_array_equal(variable, undisturbed.extra_variables[name])


def test_evaluate_reports_the_same_figures():
    model = linear_model()
    compiled(model, settings())
    images, labels = batch()
    figures = model.evaluate(images, labels, batch_size=ROWS, verbose=0, return_dict=True)
    assert figures["loss"] == pytest.approx(oracle(model.get_weights(), images, labels)[0], rel=1e-5)
    assert set(figures) == {"loss", "target_loss", "target_accuracy", "source_loss", "source_accuracy"}


def test_fit_without_rules_is_a_bug():
    model = linear_model()
    model.compile(optimizer=make_optimizer("sgd", 0.1))
    with pytest.raises(RuntimeError, match="prepare"):
        model.train_on_batch(*batch())
