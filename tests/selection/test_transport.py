"""Optimal transport of classes: the plan against a minimizer that knows only the objective, and what holds of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from sjft_tf.errors import InputError
from sjft_tf.selection.transport import cosine_costs, transport_weights, unbalanced_plan


def kl(x, y):
    return float((x * np.log(x / y) - x + y).sum())


def objective(plan, costs, a, b, epsilon, strengths):
    """The primal problem, as in the module's first lines, for positive a, b and plan."""
    return (
        float((costs * plan).sum())
        + epsilon * kl(plan, np.outer(a, b))
        + strengths[0] * kl(plan.sum(axis=1), a)
        + strengths[1] * kl(plan.sum(axis=0), b)
    )


@st.composite
def problems(draw):
    """Costs [3 to 5, 2 to 4], both marginals."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return rng.uniform(0, 6, (rows, columns)), rng.dirichlet(np.ones(rows) * 3), rng.dirichlet(np.ones(columns) * 3)


@st.composite
def classes(draw):
    """Class means and labels of a source and a target; every class has images."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    made = []
    for most in (6, 4):
        count = draw(st.integers(1, most))
        labels = np.concatenate([np.arange(count), rng.integers(0, count, draw(st.integers(0, 30)))])
        made.append((rng.gamma(1.0, size=(count, 5)), labels))
    return made


@given(problems(), st.sampled_from([(1.0, 1.0, 100.0), (0.5, 2.0, 3.0)]))
def test_the_plan_minimizes_the_objective(problem, constants):
    costs, a, b = problem
    epsilon, *strengths = constants
    plan = unbalanced_plan(costs, a, b, epsilon, tuple(strengths))

    def of_logarithms(flat):
        return objective(np.exp(flat.reshape(costs.shape)), costs, a, b, epsilon, strengths)

    start = np.log(np.outer(a, b)).ravel()
    found = minimize(of_logarithms, start, method="BFGS", options={"gtol": 1e-9, "maxiter": 2000})
    ours = objective(plan, costs, a, b, epsilon, strengths)
    assert ours <= found.fun + 1e-9
    assert ours == pytest.approx(found.fun, abs=1e-5)
    np.testing.assert_allclose(plan, np.exp(found.x.reshape(costs.shape)), atol=2e-4)


def test_one_class_each_by_hand():
    # T alone: c + eps log T + rho_s log T + rho_t log T = 0.
    plan = unbalanced_plan(np.array([[2.0]]), np.ones(1), np.ones(1))
    assert plan.item() == pytest.approx(np.exp(-2 / (1 + 1 + 100)), rel=1e-8)


@given(problems())
def test_the_first_order_conditions_hold(problem):
    costs, a, b = problem
    plan = unbalanced_plan(costs, a, b)
    slope = costs + np.log(plan / np.outer(a, b)) + np.log(plan.sum(axis=1) / a)[:, None]
    np.testing.assert_allclose(slope + 100 * np.log(plan.sum(axis=0) / b), 0, atol=1e-6)


def test_a_strong_target_side_is_kept_and_a_class_without_images_gets_nothing(rng):
    costs, b = rng.uniform(0, 4, (4, 3)), np.array([0.2, 0.3, 0.5])
    plan = unbalanced_plan(costs, np.array([0.5, 0.0, 0.25, 0.25]), b)
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=0.06)
    assert (plan[1] == 0).all()
    assert (plan[[0, 2, 3]] > 0).all()


def test_costs_by_hand():
    costs = cosine_costs(np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[3.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(costs, [[0, 10, 20], [10, 10, 10]], atol=1e-12)


@given(classes(), st.floats(0.01, 100), st.integers(0, 1000))
def test_neither_scale_nor_order_matters(problem, scale, seed):
    (source, source_labels), (target, target_labels) = problem
    weights = transport_weights(source, target, source_labels, target_labels)
    assert weights.target.sum() == pytest.approx(1)
    assert weights.weight[source_labels].mean() == pytest.approx(1)
    scaled = transport_weights(source * scale, target * 3, source_labels, target_labels)
    np.testing.assert_allclose(scaled.weight, weights.weight, rtol=1e-6)
    order = np.random.default_rng(seed).permutation(len(source))  # class order[i] is now called i
    permuted = transport_weights(source[order], target, np.argsort(order)[source_labels], target_labels)
    np.testing.assert_allclose(permuted.weight, weights.weight[order], rtol=1e-6)


@given(classes())
def test_a_class_cut_in_two_changes_nothing_for_its_images(problem):
    (source, source_labels), (target, target_labels) = problem
    labels = np.concatenate([source_labels, source_labels])
    whole = transport_weights(source, target, labels, target_labels)
    half = np.where((labels == 0) & (np.arange(len(labels)) % 3 == 0), len(source), labels)
    cut = transport_weights(np.concatenate([source, source[:1]]), target, half, target_labels)
    present = np.unique(half)
    np.testing.assert_allclose(cut.weight[present], np.append(whole.weight, whole.weight[0])[present], rtol=1e-6)


@given(classes(), st.integers(0, 3))
def test_the_nearest_class_counts_most(problem, which):
    (source, source_labels), (target, _) = problem
    one = target[which % len(target)][None]  # a target of one class: cost alone decides
    weights = transport_weights(source, one, source_labels, np.zeros(2, int))
    assert weights.weight.argmax() == cosine_costs(source, one)[:, 0].argmin()


def test_features_that_are_no_numbers_are_refused():
    labels = np.array([0, 1])
    with pytest.raises(InputError, match="NaN or infinite"):
        transport_weights(np.array([[1.0], [np.nan]]), np.ones((2, 1)), labels, labels)
    with pytest.raises(InputError, match=r"not settled after 1000 steps: epsilon=1e-06"):
        unbalanced_plan(np.eye(2) * 5, np.full(2, 0.5), np.array([0.3, 0.7]), 1e-6, (50.0, 1e3))
