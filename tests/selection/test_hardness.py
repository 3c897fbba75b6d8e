"""Entropy and the update of K against NumPy float64 oracles written from the paper."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sjft_tf.errors import InputError
from sjft_tf.selection import entropy, hardness, update_counts


def test_of_several_labels_the_mean_binary_entropy_and_any_class_on_the_wrong_side():
    p = np.array([[0.5, 0.5], [0.99, 0.02], [0.9, 0.6], [0.7, 0.3]], np.float32)
    truth = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], bool)
    found = hardness(p, truth, 0.5)
    own = np.float64(p)
    want = -(own * np.log2(own) + (1 - own) * np.log2(1 - own)).mean(axis=1)
    np.testing.assert_allclose(found.entropy, want, rtol=1e-5)
    assert want[0] == 1
    assert found.wrong.numpy().tolist() == [True, False, True, False]  # 0.5 is not above
    assert found.uncertain.numpy().tolist() == [False, False, False, True]
    assert hardness(np.array([[0.0, 1.0]]), np.array([[False, True]])).entropy.numpy().tolist() == [0]


def oracle_entropy(p):
    p = p.astype(np.float64)
    return np.array([-sum(x * math.log(x) for x in row if x > 0) for row in p])


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(2, 6)), elements=st.floats(-60, 60)))
def test_entropy_matches_oracle(logits):
    p = softmax(logits)
    np.testing.assert_allclose(entropy(p).numpy(), oracle_entropy(p), rtol=1e-5, atol=1e-6)


def test_entropy_by_hand():
    p = np.array([[1, 0], [0.5, 0.5], [0.25, 0.75]], np.float32)
    by_hand = [0.0, math.log(2), 0.25 * math.log(4) + 0.75 * math.log(4 / 3)]
    np.testing.assert_allclose(entropy(p).numpy(), by_hand, rtol=1e-6)


def test_update_by_hand():
    # wrong; right and sure; right but uncertain; right with an entropy of exactly delta counts as uncertain
    p = np.array([[0.9, 0.1], [1.0, 0.0], [0.6, 0.4], [0.5, 0.5]], np.float32)
    masks = hardness(p, np.array([1, 0, 0, 0], np.int32), delta=float(np.float32(math.log(2))))
    assert masks.wrong.numpy().tolist() == [True, False, False, False]
    assert masks.uncertain.numpy().tolist() == [False, False, False, True]
    masks = hardness(p, np.array([1, 0, 0, 0], np.int32))
    assert masks.uncertain.numpy().tolist() == [False, False, True, True]
    grown = update_counts(np.array([100, 100, 100, 300], np.int32), masks, k0=100, k_max=5000)
    assert grown.numpy().tolist() == [500, 100, 300, 500]
    assert grown.dtype.name == "int32"


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.float64, (n, 3), elements=st.floats(-8, 8)),
            hnp.arrays(np.int32, n, elements=st.integers(0, 2)),
            hnp.arrays(np.int32, n, elements=st.integers(1, 900)),
        )
    ),
    st.integers(1, 500),
)
def test_update_matches_oracle(sample, k0):
    logits, labels, counts = sample
    p, k_max = softmax(logits), 1000
    grown = update_counts(counts, hardness(p, labels), k0, k_max).numpy()
    for i in range(len(p)):
        e = entropy(p[i : i + 1]).numpy()[0]
        growth = 4 if np.argmax(p[i]) != labels[i] else 2 if e >= 0.1 else 0
        assert grown[i] == min(counts[i] + growth * k0, k_max)
        assert counts[i] <= grown[i]


def test_huge_counts_do_not_wrap_around():
    masks = hardness(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert update_counts(np.array([2_000_000_000]), masks, 1_000_000_000, 2_100_000_000).numpy() == [2_100_000_000]


@pytest.mark.parametrize("k0", [0, -1, 11])
def test_k0_out_of_range(k0):
    masks = hardness(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    with pytest.raises(InputError, match=f"`k0` must be between 1 and the 10 .*Received: k0={k0}"):
        update_counts(np.array([1]), masks, k0, 10)
