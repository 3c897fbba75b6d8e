"""The head is trained to the one minimum, and says so when it is not."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.influence import (
    HeadSolver,
    SoftmaxObjective,
    choose_l2,
    fit_head,
    influence,
    least_l2,
    leave_one_out,
)


def test_it_is_the_minimum_scikit_learn_finds(problem):
    from sklearn import linear_model

    head = problem.head(l2=0.1)
    assert head.converged
    (block,) = head.objective.examples.blocks()
    # scikit-learn adds the losses and multiplies the sum by C; the bias is a feature like any other here.
    other = linear_model.LogisticRegression(C=1 / (0.1 * 24), fit_intercept=False, tol=1e-12, max_iter=10_000)
    np.testing.assert_allclose(head.weights.T, other.fit(block.inputs, block.labels).coef_, atol=1e-6)


@pytest.mark.parametrize("l2", [1e-4, 1e-2, 10.0])
def test_the_gradient_vanishes_from_any_start(problem, rng, l2):
    objective = SoftmaxObjective(problem.examples(problem.rows), 3, l2)
    heads = [fit_head(objective, start) for start in (None, rng.normal(size=(5, 3)), 30 * rng.normal(size=(5, 3)))]
    for head in heads:
        assert np.linalg.norm(objective.gradient(head.weights)) <= 1e-9
        np.testing.assert_allclose(head.weights, heads[0].weights, atol=1e-8 / l2)


def test_blocks_change_nothing(problem):
    np.testing.assert_allclose(problem.head(block_bytes=200).weights, problem.head().weights, atol=1e-8)


def test_a_head_that_is_not_at_its_minimum_is_refused(problem):
    objective = SoftmaxObjective(problem.examples(problem.rows), 3, 0.05)
    head = fit_head(objective, steps=1)
    assert not head.converged
    with pytest.raises(InputError, match=r"not trained to its minimum: gradient norm .* after 1 Newton steps"):
        head.check()


def test_loss_and_probabilities(problem):
    head, validation = problem.head(), problem.examples(problem.validation_rows)
    p = head.probabilities(validation)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    expected = -np.log(p[np.arange(9), problem.labels[problem.validation_rows]]).sum()
    assert head.loss(validation) == pytest.approx(expected, rel=1e-12)


def test_the_l2_chosen_has_the_lowest_validation_loss_so_far(problem):
    train, validation = problem.examples(problem.rows), problem.examples(problem.validation_rows)
    chosen = choose_l2([(train, validation), (validation, train)], 3)
    losses = {
        l2: sum(fit_head(SoftmaxObjective(a, 3, l2)).loss(b) for a, b in ((train, validation), (validation, train)))
        for l2 in (chosen * 3.3, chosen, chosen / 3.3)
    }
    assert min(losses, key=losses.get) == chosen


def test_the_least_l2_to_judge_by_bounds_the_mean_leverage(problem):
    train = problem.examples(problem.rows)
    (block,) = train.blocks()
    leverage = (block.inputs**2).sum(axis=1) / (len(train) * least_l2(train))
    assert leverage.mean() == pytest.approx(2.0, rel=1e-6)


def test_from_there_on_influence_predicts_leaving_one_out(problem):
    train, validation = problem.examples(problem.rows), problem.examples(problem.validation_rows)
    agreement = {}
    for l2 in (least_l2(train) / 300, least_l2(train)):
        head = fit_head(SoftmaxObjective(train, 3, l2))
        scores = influence(HeadSolver(head), train, validation).influence
        agreement[l2] = leave_one_out(head, scores, validation, problem.rows).pearson
    weak, enough = agreement.values()
    assert enough > 0.95
    assert weak < enough
