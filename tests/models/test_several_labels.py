"""A head of several labels: the loss against NumPy, a training step, the batches, fitted heads, probabilities."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.images import Augmentation, ImageSet, View
from sjft_tf.images.batches.joint import Pools, SourceStream, joint_dataset
from sjft_tf.images.batches.positions import BatchPlan
from sjft_tf.models import Scaling, Scorer, build_joint_model, fit_several_labels, stock_layers, target_network
from sjft_tf.models.losses import binary_head_sums
from sjft_tf.models.multi_view import at_side


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def cross_entropy(truth, logits, smoothing=0.0):
    """Sum over rows and classes."""
    p, y = sigmoid(logits), truth * (1 - smoothing) + smoothing / 2
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_binary_cross_entropy_of_the_rows_with_labels(rng, smoothing):
    labels = np.array([[1, 0, 1], [-1, -1, -1], [0, 0, 0]], np.int32)
    logits = rng.normal(0, 2, (3, 3)).astype(np.float32)
    logits[1] = [np.inf, np.nan, 0]
    with tf.GradientTape() as tape:
        given = tf.Variable(logits)
        sums = binary_head_sums(labels, given, smoothing)
    own = [0, 2]
    assert float(sums.loss) == pytest.approx(cross_entropy(labels[own], logits[own], smoothing), rel=1e-5)
    assert float(sums.hits) == ((logits[own] > 0) == (labels[own] == 1)).all(axis=1).sum()
    wanted = labels[own] * (1 - smoothing) + smoothing / 2
    gradient = tape.gradient(sums.loss, given).numpy()
    np.testing.assert_allclose(gradient[own], sigmoid(logits[own]) - wanted, rtol=1e-4, atol=1e-6)
    assert not gradient[1].any()
    assert float(binary_head_sums(-np.ones((2, 3), np.int32), logits[:2], smoothing).loss) == 0


def linear_model(source=2):
    rng = np.random.default_rng(4)
    inputs = keras.Input((2, 2, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(inputs)
    trunk = keras.Model(inputs, keras.layers.Dense(4, name="features")(pooled))
    model = build_joint_model(trunk, 3, source, several_labels=True)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_adds_the_means_over_the_rows_of_each_head(rng, accumulate):
    model = linear_model()
    model.prepare({"target": 0.5, "source": 2.0}, accumulate=accumulate)
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    x = rng.normal(size=(8, 2, 2, 3)).astype(np.float32)
    target = np.concatenate([rng.integers(0, 2, (4, 3)), -np.ones((4, 3))]).astype(np.int32)
    source = np.concatenate([-np.ones(4), rng.integers(0, 2, 4)]).astype(np.int32)
    order = np.array([0, 1, 4, 5, 2, 3, 6, 7])  # each micro-batch has a part of both
    parts = [one[order].reshape(accumulate, 8 // accumulate, *one.shape[1:]) for one in (x, target, source)]
    data = parts if accumulate > 1 else [one[0] for one in parts]
    logs = model.train_step((tf.constant(data[0]), {"target": tf.constant(data[1]), "source": tf.constant(data[2])}))
    outputs = model(x)
    loss = cross_entropy(target[:4], outputs["target"][:4]) / 4
    z = np.float64(outputs["source"][4:])
    other = -(z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(4), source[4:]].mean()
    assert float(logs["target_loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(logs["loss"]) == pytest.approx(0.5 * loss + 2 * other, rel=1e-5)
    hits = ((np.float64(outputs["target"][:4]) > 0) == (target[:4] == 1)).all(axis=1).mean()
    assert float(logs["target_accuracy"]) == pytest.approx(hits)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_batches_have_a_row_of_zeros_and_ones_for_target_images(accumulate):
    truth = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1]], bool)
    pixels = np.arange(3, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)
    target = ImageSet.from_arrays("target", pixels, truth)
    source = ImageSet.from_arrays("source", pixels + np.uint8(100), [0, 1, 1])
    pools = Pools(np.arange(3, dtype=np.int32), np.zeros(3, np.int64), np.full(3, 3))
    plan = BatchPlan(2, 0, 3, accumulate=accumulate)
    plain = Augmentation(resize=(4, 4), crop=4, mirror=False)
    seen = 0
    for images, labels in joint_dataset(target, SourceStream(source, pools, source.labels), plain, plan, seed=0):
        rows = images.numpy()[..., 0, 0, 0].reshape(-1).astype(int)
        of_target = labels["target"].numpy().reshape(-1, 3)
        own = of_target[:, 0] >= 0
        np.testing.assert_array_equal(of_target[own] == 1, truth[rows[own]])
        assert (of_target[~own] == -1).all()
        of_source = labels["source"].numpy().reshape(-1)
        np.testing.assert_array_equal(of_source, np.where(own, -1, source.labels[rows % 100]))
        seen += own.sum()
    assert seen == 2 * 3 * accumulate


def test_probabilities_are_those_of_sigmoids_everywhere(rng):
    model = linear_model()
    pixels = rng.integers(0, 256, (5, 2, 2, 3), np.uint8)
    model.get_layer("features").set_weights([w / 100 for w in model.get_layer("features").get_weights()])
    want = sigmoid(model(pixels.astype(np.float32))["target"])
    assert (want.sum(axis=1) > 1.01).any()
    images = ImageSet.from_arrays("pictures", pixels, np.zeros((5, 3), bool))
    np.testing.assert_allclose(Scorer(model, View(2, 2))(images), want, rtol=1e-5)
    for network in (target_network(model), stock_layers(target_network(model))):
        np.testing.assert_allclose(network(pixels.astype(np.float32)), want, rtol=1e-5)
    assert at_side(model, 2).several_labels


def test_each_class_is_fitted_for_itself(rng):
    features = rng.normal(size=(120, 6)).astype(np.float32)
    truth = np.stack([features[:, 0] > 0, features[:, 1] > 0.5, np.ones(120, bool)], axis=1)
    head = fit_several_labels(features, truth, Scaling.of(features, np.arange(120)), by_folds=True)
    kernel, bias = head.dense()
    answers = features @ kernel + bias > 0
    assert (answers == truth)[:, :2].mean() > 0.9
    assert answers[:, 2].all()
    assert head.accuracy > 0.85
    # Of what features do not tell its frequency is known.
    rare = rng.random((120, 1)) < 0.1
    kernel, bias = fit_several_labels(features, rare, Scaling.of(features, np.arange(120)), by_folds=True).dense()
    assert abs(sigmoid(features @ kernel + bias).mean() - rare.mean()) < 0.05
