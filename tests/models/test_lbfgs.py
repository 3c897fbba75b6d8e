"""L-BFGS against minima that are known."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.models.lbfgs import lbfgs


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_a_quadratic_form_ends_at_its_solution(size, seed):
    rng = np.random.default_rng(seed)
    root, wanted = rng.normal(0, 1, (size, size)), rng.normal(0, 1, size)
    matrix = root @ root.T + np.eye(size)

    def objective(x):
        gradient = matrix @ (x - wanted)
        return float((x - wanted) @ gradient) / 2, gradient

    x, value, evaluations = lbfgs(objective, np.zeros(size), 300, 1e-14)
    np.testing.assert_allclose(x, wanted, atol=1e-4)
    assert 0 <= value < 1e-8
    assert evaluations >= 1


def test_it_goes_down_with_each_step_and_stops_where_it_is_told():
    values = [
        lbfgs(lambda x: (float((x**4).sum()), 4 * x**3), np.array([2.0, -1.0]), steps, 0.0)[1] for steps in range(8)
    ]
    assert values[0] == 17
    assert all(later < earlier for earlier, later in itertools.pairwise(values))


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_a_minimum_or_a_value_that_is_no_number_ends_it(start):
    def objective(x):
        return (float(x @ x), 2 * x) if start == 0 else (np.nan, x)

    assert lbfgs(objective, np.full(2, start), 9, 1e-6)[2] == 1
