"""How many source images a run begins with, against the definition in whole numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.config import SelectionConfig, TrainingConfig
from sjft_tf.selection import pool_by_passes, pool_size

NUMBERS = st.integers(1, 10**6)


@given(
    st.integers(1, 20), NUMBERS, st.integers(1, 999), st.integers(1, 10), st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0])
)
def test_the_run_passes_over_the_pool_as_often_as_wanted(rounds, steps, batch, accumulate, passes):
    training = TrainingConfig(rounds=rounds, steps_per_round=steps, batch_size=batch, accumulate=accumulate)
    draws = rounds * steps * batch * accumulate
    for num_source in (1, 999, 10**7):
        size = pool_size(SelectionConfig(k0="auto", passes=passes), training, num_source)
        assert 1 <= size <= num_source
        assert size == num_source or size - 1 < Fraction(draws) / Fraction(passes) <= size


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_a_share_is_rounded_up_and_no_draws_count(num_source, thousandths):
    share = thousandths / 1000
    for k0 in ("share", "7"):
        size = pool_size(SelectionConfig(k0=k0, source_share=share), TrainingConfig(), num_source)
        assert size == max(1, -(-num_source * thousandths // 1000))


@pytest.mark.parametrize(
    ("draws", "passes", "num_source", "size"),
    [
        (160_000, 2.0, 40_000, 40_000),
        (160_000, 2.0, 1_281_167, 80_000),
        (1_600_000, 8.0, 1_281_167, 200_000),
        (1, 9.0, 5, 1),
    ],
)
def test_by_hand(draws, passes, num_source, size):
    assert pool_by_passes(draws, passes, num_source) == size
