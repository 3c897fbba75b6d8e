"""Kernels that round by position are noticed, and kept out of the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.rounding import PANEL, equal_at_all_positions, independent_batch, padded


@given(st.integers(0, 10**6))
def test_padding_is_the_least_multiple(count):
    assert padded(count) % PANEL == 0
    assert count <= padded(count) < count + PANEL


def test_one_bit_at_one_position_is_seen(rng):
    answers = np.repeat(rng.normal(size=(1, 3, 4)).astype(np.float32), 9, axis=0)
    assert equal_at_all_positions([answers, np.zeros((9, 2))])
    other = answers.copy()
    other[8, 2, 3] = np.nextafter(other[8, 2, 3], np.float32(9))
    assert not equal_at_all_positions([answers, other])
    signed = np.zeros((2, 1), np.float32)
    signed[1] = -0.0
    assert not equal_at_all_positions([signed])


@pytest.mark.parametrize(("sizes", "wanted"), [((48, 24, 12), 24), ((48, 29), 1), ((1, 24), 1), ((), 1)])
def test_the_first_size_that_rounds_alike(sizes, wanted):
    def answer(batch):
        # What a multiple of 24 leaves over comes out otherwise, and so does the last of 48.
        wrong = np.arange(len(batch)) >= len(batch) // 24 * 24
        wrong[47:48] = True
        return [batch + np.float32(1e-3) * wrong[:, None]]

    assert independent_batch(answer, np.ones(3, np.float32), sizes) == wanted
