"""The masked loss and accuracy against float64 oracles, by hand, and inside `fit` with dict outputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.models import MaskedAccuracy, MaskedCrossEntropy


def _oracle(labels, logits):
    logits = logits.astype(np.float64)
    log_p = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
    log_p -= logits.max(1, keepdims=True)
    rows = np.flatnonzero(labels >= 0)
    return -log_p[rows, labels[rows]].mean() if len(rows) else 0.0


def test_by_hand():
    # Row 0: two equal logits, -log(1/2). Row 2: probabilities 1/4 and 3/4, label 0. Row 1 belongs to the other domain.
    logits = np.array([[0.0, 0.0], [9.0, -9.0], [0.0, np.log(3.0)]], "float32")
    loss = MaskedCrossEntropy()(np.array([1, -1, 0], "int32"), logits)
    assert float(loss) == pytest.approx((np.log(2) + np.log(4)) / 2, rel=1e-6)


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=12), st.integers(0, 1000))
def test_equals_the_mean_over_valid_rows(labels, seed):
    labels = np.array(labels, "int32")
    logits = np.random.default_rng(seed).normal(0, 3, (len(labels), 5)).astype("float32")
    expected = _oracle(labels, logits)
    for y in (labels, labels[:, None], labels.astype("float32")):
        assert float(MaskedCrossEntropy()(y, logits)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(st.permutations(range(6)))
def test_rows_of_the_other_domain_do_not_matter(order):
    labels = np.array([2, -1, 0, -1, -1, 1], "int32")
    logits = np.random.default_rng(3).normal(size=(6, 3)).astype("float32")
    other = np.where(labels[:, None] < 0, 100.0, logits).astype("float32")
    loss = MaskedCrossEntropy()
    assert float(loss(labels[list(order)], other[list(order)])) == pytest.approx(float(loss(labels, logits)), rel=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.inf, np.nan])
@pytest.mark.parametrize("labels", [[-1, -1], [-1, 1]])
def test_masked_rows_give_zero_gradient_never_nan(labels, bad):
    logits = tf.constant([[bad, 1.0, 2.0], [0.0, 1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = MaskedCrossEntropy()(tf.constant(labels), logits)
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(loss.numpy())
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0], np.zeros(3))
    if labels == [-1, -1]:
        assert loss.numpy() == 0.0
        np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_gradient_is_that_of_the_mean_over_valid_rows():
    labels, logits = np.array([0, -1, -1, 1]), tf.zeros((4, 2))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = MaskedCrossEntropy()(labels, logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[-0.25, 0.25], [0, 0], [0, 0], [0.25, -0.25]], atol=1e-7)


def test_sample_weights_weigh_rows():
    logits = np.zeros((3, 2), "float32")
    loss = MaskedCrossEntropy()(np.array([0, 1, -1]), logits, sample_weight=np.array([2.0, 0.0, 5.0], "float32"))
    assert float(loss) == pytest.approx(2 * np.log(2) / 2, rel=1e-6)


def test_sixteen_bit_logits_give_a_float32_loss():
    logits = tf.cast([[0.0, 0.0]], tf.bfloat16)
    loss = MaskedCrossEntropy().call(tf.constant([0]), logits)
    assert loss.dtype == tf.float32


def test_accuracy_counts_labelled_rows_over_batches():
    metric = MaskedAccuracy()
    assert float(metric.result()) == 0.0
    metric.update_state(np.array([-1, -1]), np.eye(2, dtype="float32"))
    assert float(metric.result()) == 0.0
    metric.update_state(np.array([0, 0, -1]), np.array([[1, 0], [0, 1], [0, 1]], "float32"))
    metric.update_state(np.array([[1]]), np.array([[0, 1]], "float32"))
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.reset_state()
    metric.update_state(np.array([0, 1]), np.array([[1, 0], [1, 0]], "float32"), sample_weight=np.array([3.0, 1.0]))
    assert float(metric.result()) == pytest.approx(3 / 4)


def test_serialization_round_trip():
    loss = keras.losses.deserialize(keras.losses.serialize(MaskedCrossEntropy(name="mine")))
    assert isinstance(loss, MaskedCrossEntropy)
    assert (loss.name, loss.reduction) == ("mine", "sum")
    metric = keras.metrics.deserialize(keras.metrics.serialize(MaskedAccuracy(name="hits")))
    assert isinstance(metric, MaskedAccuracy)
    assert metric.name == "hits"


def test_fit_with_dict_outputs_reports_the_masked_means(rng):
    inputs = keras.Input((3,))
    heads = {
        "target": keras.layers.Dense(2, name="target")(inputs),
        "source": keras.layers.Dense(4, name="source")(inputs),
    }
    model = keras.Model(inputs, heads)
    x = rng.normal(size=(6, 3)).astype("float32")
    y = {"target": np.array([0, 1, 1, -1, -1, -1], "int32"), "source": np.array([-1, -1, -1, 3, 0, 2], "int32")}
    logits = {k: v.numpy() for k, v in model(x).items()}
    model.compile(
        optimizer=keras.optimizers.SGD(0.0),
        loss={k: MaskedCrossEntropy() for k in heads},
        loss_weights={"target": 0.25, "source": 0.75},
        metrics={k: [MaskedAccuracy()] for k in heads},
    )
    data = tf.data.Dataset.from_tensors((x, y)).repeat(3)
    history = {k: v[0] for k, v in model.fit(data, epochs=1, verbose=0, shuffle=False).history.items()}
    expected = {k: _oracle(y[k], logits[k]) for k in heads}
    assert history["target_loss"] == pytest.approx(expected["target"], rel=1e-5)
    assert history["source_loss"] == pytest.approx(expected["source"], rel=1e-5)
    assert history["loss"] == pytest.approx(0.25 * expected["target"] + 0.75 * expected["source"], rel=1e-5)
    for key in heads:
        valid = y[key] >= 0
        assert history[f"{key}_accuracy"] == pytest.approx((logits[key].argmax(1) == y[key])[valid].mean())
