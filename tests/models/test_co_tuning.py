"""Co-Tuning: temperature, p(source class | target class) and the term of the loss, against float64 oracles."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models import (
    CoTuning,
    build_joint_model,
    class_relationship,
    co_tuning,
    related,
    softmax_head,
    temperature,
)
from sjft_tf.models.losses import soft_loss_sum
from sjft_tf.training import compile_joint

WANTED = np.random.default_rng(9).dirichlet(np.ones(5), 3).astype(np.float32)
"""p(source class | target class) for the linear model: 3 target, 5 source classes."""


def test_temperature_is_the_one_with_the_lowest_loss(rng):
    labels = rng.integers(0, 4, 300)
    logits = 3 * (rng.normal(0, 1, (300, 4)) + np.eye(4)[labels])
    grid = np.geomspace(0.1, 10, 2000)
    losses = [-log_softmax(logits / t, axis=1)[np.arange(300), labels].mean() for t in grid]
    assert temperature(logits, labels) == pytest.approx(grid[np.argmin(losses)], rel=0.01)
    assert temperature(log_softmax(logits, axis=1), labels) == pytest.approx(temperature(logits, labels), rel=1e-4)


def test_without_images_there_is_nothing_to_calibrate():
    assert temperature(np.zeros((0, 4)), np.zeros(0, int)) == 1.0


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_bayes_gives_distributions_that_keep_the_marginal(targets, sources, seed):
    rng = np.random.default_rng(seed)
    given_source, source = rng.dirichlet(np.ones(targets), sources), rng.dirichlet(np.ones(sources))
    found = co_tuning.bayes(given_source, source)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose((given_source.T @ source) @ found, source)


def test_the_relationship_is_that_of_the_definition(rng, monkeypatch):
    """Regression by SciPy in float64, asked for each source class alone, turned around by Bayes."""
    monkeypatch.setattr(softmax_head, "TOLERANCE", 1e-9)
    monkeypatch.setattr(softmax_head, "STEPS", 500)
    labels = np.arange(60) % 3
    p = softmax(2 * rng.normal(0, 1, (60, 4)) + 4 * np.eye(4)[[0, 1, 1]][labels], axis=1)
    found = class_relationship(p, labels, 3)
    factor, hot = np.sqrt(4 / (p**2).sum(axis=1).mean()), np.eye(3)[labels]
    inputs = np.concatenate([p * factor, np.ones((60, 1))], axis=1)

    def value(flat):
        w = flat.reshape(5, 3)
        logs = log_softmax(inputs @ w, axis=1)
        gradient = inputs.T @ (np.exp(logs) - hot) / 60 + found.l2 * w
        return -(logs * hot).sum() / 60 + found.l2 / 2 * (w**2).sum(), gradient.ravel()

    w = minimize(value, np.zeros(15), jac=True, options={"gtol": 1e-9}).x.reshape(5, 3)
    given_source = softmax(np.concatenate([factor * np.eye(4), np.ones((4, 1))], axis=1) @ w, axis=1)
    joint = given_source.T * p.mean(axis=0)
    expected = joint / joint.sum(axis=1, keepdims=True)
    assert found.source_given_target.dtype == np.float32
    np.testing.assert_allclose(found.source_given_target, expected, atol=1e-3)
    assert found.source_given_target[0].argmax() == 0
    assert 0.5 < found.accuracy < 0.9


@pytest.mark.parametrize(
    ("accuracy", "features", "classes", "expected"),
    [
        (0.2, 0.9, 10, False),  # a tenth above chance, of eight
        (0.27, 0.9, 10, True),
        (0.5, 0.95, 2, False),  # chance
        (0.1, 0.1, 10, True),  # nothing tells the classes, and few images judged
        (np.nan, np.nan, 3, True),
    ],
)
def test_a_source_is_related_if_its_classes_tell_the_targets(accuracy, features, classes, expected):
    assert related(accuracy, features, classes) is expected


def test_probabilities_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="trunk's weights diverged"):
        class_relationship(np.full((4, 2), np.nan), np.arange(4) % 2, 2)


def test_the_sum_of_losses_counts_rows_with_a_label_only(rng):
    labels, logits = np.array([2, -1, 0, -1]), rng.normal(0, 2, (4, 5)).astype(np.float32)
    logits[1] = np.inf
    with tf.GradientTape() as tape:
        tape.watch(given := tf.constant(logits))
        total = soft_loss_sum(labels, given, WANTED)
    logs = log_softmax(np.float64(logits[[0, 2]]), axis=1)
    assert float(total) == pytest.approx(-(WANTED[[2, 0]] * logs).sum(), rel=1e-5)
    expected = np.zeros((4, 5))
    expected[[0, 2]] = np.exp(logs) - WANTED[[2, 0]]
    np.testing.assert_allclose(tape.gradient(total, given), expected, atol=1e-5)
    assert float(soft_loss_sum(np.array([-1, -1]), logits[:2], WANTED)) == 0.0


def linear_model():
    """Heads on the mean color, so that the loss can be written down."""
    rng = np.random.default_rng(4)
    inputs = keras.Input((2, 2, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = build_joint_model(keras.Model(inputs, keras.layers.Dense(4, name="features")(pooled)), 3, 5)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


def terms(weights, images, labels):
    """Means of the three cross entropies in float64; of the source 0 without any of its rows."""
    kernel, bias, source, source_bias, target, target_bias = [np.asarray(w, np.float64) for w in weights]
    features = np.float64(images).mean((1, 2)) @ kernel + bias
    logs = {
        "target": log_softmax(features @ target + target_bias, axis=1),
        "source": log_softmax(features @ source + source_bias, axis=1),
    }
    found = {}
    for name, own in labels.items():
        rows = np.flatnonzero(own >= 0)
        found[name] = -logs[name][rows, own[rows]].mean()
    rows = np.flatnonzero(labels["target"] >= 0)
    found["co_tuning"] = -(np.float64(WANTED)[labels["target"][rows]] * logs["source"][rows]).sum() / len(rows)
    return found


def slopes(function, weights):
    """The gradient of a function of lists of arrays, by central differences."""
    found = []
    for number, array in enumerate(weights):
        gradient = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            both = []
            for step in (1e-5, -1e-5):
                moved = [np.float64(w) for w in weights]
                moved[number] = moved[number].copy()
                moved[number][place] += step
                both.append(function(moved))
            gradient[place] = (both[0] - both[1]) / 2e-5
        found.append(gradient)
    return found


@pytest.mark.parametrize("borrows", [True, False])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_adds_the_term_to_those_of_the_heads(borrows, accumulate, rng):
    images = rng.normal(size=(8, 2, 2, 3)).astype("float32")
    labels = {"target": np.array([0, 2, 1, 2, -1, -1, -1, -1]), "source": np.array([-1, -1, -1, -1, 4, 0, 0, 3])}
    if not borrows:
        images, labels = images[:4], {"target": labels["target"][:4]}
    model = linear_model()
    start = model.get_weights()
    plain = {"schedule": "constant", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    config = RunConfig().replace("training", accumulate=accumulate, **plain)
    compile_joint(model, config.training, config.model, CoTuning(0.7, WANTED), borrows=borrows)
    weights = {"target": 1.0, "source": 0.3} if borrows else {"target": 1.0}  # alone the target's loss counts whole
    weights["co_tuning"] = 0.7

    def total(arrays):
        found = terms(arrays, images, labels)
        return sum(weight * found[name] for name, weight in weights.items())

    data = [np.stack(np.split(x, 2)) if accumulate == 2 else x for x in (images, *labels.values())]
    batches = tf.data.Dataset.from_tensors((data[0], dict(zip(labels, data[1:], strict=True))))
    figures = model.fit(batches, epochs=1, verbose=0, shuffle=False).history
    for name, value in terms(start, images, labels).items():
        assert figures[f"{name}_loss"][0] == pytest.approx(value, rel=1e-5)
    assert figures["loss"][0] == pytest.approx(total(start), rel=1e-5)
    assert ("source_loss" in figures) == borrows
    for now, before, slope in zip(model.get_weights(), start, slopes(total, start), strict=True):
        np.testing.assert_allclose(now, before - 0.1 * slope, atol=2e-5)
    if accumulate == 1:
        assert "co_tuning_loss" in model.evaluate(batches, verbose=0, return_dict=True)
