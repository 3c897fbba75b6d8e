"""The masked loss and hits against float64 oracles and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.models import head_sums, valid_rows


def _oracle(labels, logits, smoothing=0.0):
    """Sum over the rows with a label of the cross-entropy against (1 - e) one-hot + e / C."""
    logits = logits.astype(np.float64)
    top = logits.max(1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True))
    rows = np.flatnonzero(labels >= 0)
    wanted = np.eye(logits.shape[1])[labels[rows]] * (1 - smoothing) + smoothing / logits.shape[1]
    return -(wanted * log_p[rows]).sum()


def test_by_hand():
    # Row 0: two equal logits, -log(1/2). Row 2: probabilities 1/4 and 3/4, label 0. Row 1 belongs to the other domain.
    logits = np.array([[0.0, 0.0], [9.0, -9.0], [0.0, np.log(3.0)]], "float32")
    sums = head_sums(np.array([1, -1, 0], "int32"), logits)
    assert float(sums.loss) == pytest.approx(np.log(2) + np.log(4), rel=1e-6)
    assert float(sums.hits) == 0.0
    assert float(head_sums(np.array([0, -1, 1], "int32"), logits).hits) == 2.0


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=12), st.integers(0, 1000), st.sampled_from([0.0, 0.1, 0.9]))
def test_equals_the_sum_over_valid_rows(labels, seed, smoothing):
    labels = np.array(labels, "int32")
    logits = np.random.default_rng(seed).normal(0, 3, (len(labels), 5)).astype("float32")
    for y in (labels, labels[:, None], labels.astype("float32")):
        sums = head_sums(y, logits, smoothing)
        assert float(sums.loss) == pytest.approx(_oracle(labels, logits, smoothing), rel=1e-5, abs=1e-6)
        assert float(sums.hits) == (logits.argmax(1) == labels).sum()
        assert float(valid_rows(y)) == (labels >= 0).sum()


@given(st.permutations(range(6)))
def test_rows_of_the_other_domain_do_not_matter(order):
    labels = np.array([2, -1, 0, -1, -1, 1], "int32")
    logits = np.random.default_rng(3).normal(size=(6, 3)).astype("float32")
    other = np.where(labels[:, None] < 0, 100.0, logits).astype("float32")
    mixed, plain = head_sums(labels[list(order)], other[list(order)]), head_sums(labels, logits)
    assert float(mixed.loss) == pytest.approx(float(plain.loss), rel=1e-6)
    assert float(mixed.hits) == float(plain.hits)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bad", [0.0, np.inf, np.nan])
@pytest.mark.parametrize("labels", [[-1, -1], [-1, 1]])
def test_masked_rows_give_zero_gradient_never_nan(labels, bad, smoothing):
    logits = tf.constant([[bad, 1.0, 2.0], [0.0, 1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = head_sums(tf.constant(labels), logits, smoothing).loss
    gradient = tape.gradient(loss, logits).numpy()
    assert np.isfinite(loss.numpy())
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient[0], np.zeros(3))
    if labels == [-1, -1]:
        assert loss.numpy() == 0.0
        np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_sixteen_bit_logits_give_a_float32_loss():
    sums = head_sums(tf.constant([0]), tf.cast([[0.0, 0.0]], tf.bfloat16))
    assert sums.loss.dtype == sums.hits.dtype == tf.float32
    assert float(sums.loss) == pytest.approx(np.log(2), rel=1e-6)
