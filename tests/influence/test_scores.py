"""Influence against its definition with the Hessian inverted, and against training again: sign, size, order."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.influence import (
    HeadSolver,
    SoftmaxObjective,
    fit_head,
    influence,
    influence_matrix,
    leave_one_out,
)


def definition(head, train, validation, damping=0.0):
    """-grad L(z_j)^T (H + damping I)^-1 grad L(z), every gradient written out: float64 [M, N]."""

    def gradients(examples):
        (block,) = examples.blocks()
        p = head.probabilities(examples)
        return np.stack(
            [np.outer(x, q - np.eye(len(q))[y]).ravel() for x, q, y in zip(block.inputs, p, block.labels, strict=True)]
        )

    (block,) = train.blocks()
    h = (head.objective.l2 + damping) * np.eye(head.weights.size)
    for x, q in zip(block.inputs, head.probabilities(train), strict=True):
        h += np.kron(np.outer(x, x), np.diag(q) - np.outer(q, q)) / len(train)
    return -gradients(validation) @ np.linalg.inv(h) @ gradients(train).T


@pytest.mark.parametrize("solver", ["direct", "cg", "auto"])
@pytest.mark.parametrize("damping", [0.0, 0.2])
def test_influence_is_the_definition(problem, solver, damping):
    head = problem.head()
    train, validation = problem.examples(problem.rows), problem.examples(problem.validation_rows)
    expected = definition(head, train, validation, damping)
    solve = HeadSolver(head, solver, damping)
    scores = influence(solve, train, validation)
    np.testing.assert_allclose(scores.influence, expected.sum(axis=0), rtol=1e-6, atol=1e-8)
    assert scores.solution.converged
    assert scores.solution.residual <= 1e-8
    assert scores.solution.method == ("cg" if solver == "cg" else "direct")
    blocks = list(influence_matrix(solve, train, validation))
    np.testing.assert_allclose(np.concatenate([b for _, b in blocks]), expected, rtol=1e-6, atol=1e-8)


def test_blocks_change_nothing(problem):
    head = problem.head()
    small = influence(
        HeadSolver(problem.head(block_bytes=200), "cg"),
        problem.examples(problem.rows, block_bytes=100),
        problem.examples(problem.validation_rows, block_bytes=100),
    )
    whole = influence(HeadSolver(head, "cg"), problem.examples(problem.rows), problem.examples(problem.validation_rows))
    np.testing.assert_allclose(small.influence, whole.influence, rtol=1e-6)
    np.testing.assert_array_equal(small.better_class, whole.better_class)


def test_more_weight_changes_the_loss_as_influence_says(problem):
    """d(validation loss)/d(weight of z) by training again with a little more and a little less weight."""
    head, validation = problem.head(), problem.examples(problem.validation_rows)
    train = problem.examples(problem.rows)
    scores = influence(HeadSolver(head), train, validation).influence
    step = 1e-3
    for row in (0, 5, 11):
        losses = []
        for sign in (1, -1):
            weights = np.ones(24)
            weights[row] += sign * step * 24
            losses.append(fit_head(SoftmaxObjective(train, 3, 0.05, weights), head.weights).loss(validation))
        assert scores[row] == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-3)


def test_training_again_agrees(problem):
    head, validation = problem.head(), problem.examples(problem.validation_rows)
    scores = influence(HeadSolver(head), problem.examples(problem.rows), validation).influence
    compared = leave_one_out(head, scores, validation, np.arange(24))
    assert compared.pearson > 0.95
    assert compared.spearman > 0.95
    # A harmful image is one whose removal lowers the loss.
    worst = int(scores.argmax())
    assert scores[worst] > 0 > compared.measured[worst]
    np.testing.assert_allclose(compared.predicted, -scores / 24)
    with pytest.raises(InputError, match="knows no --damping"):
        leave_one_out(head, scores, validation, np.arange(2), damping=0.1)


def test_the_better_class_is_the_one_with_the_least_influence(problem):
    head, validation = problem.head(), problem.examples(problem.validation_rows)
    scores = influence(HeadSolver(head), problem.examples(problem.rows), validation)
    by_label = np.empty((24, 3))
    for label in range(3):
        other = problem.examples(problem.rows)
        other._only_block.labels[:] = label
        by_label[:, label] = influence(HeadSolver(head), other, validation).influence
    np.testing.assert_array_equal(scores.better_class, by_label.argmin(axis=1))


def test_refusals(problem):
    head, train = problem.head(), problem.examples(problem.rows)
    with pytest.raises(InputError, match="--solver of the convex head must be one of auto, direct, cg"):
        HeadSolver(head, "lissa")
    with pytest.raises(InputError, match="There is no validation image"):
        influence(HeadSolver(head), train, problem.examples(problem.rows[:0]))
    with pytest.raises(InputError, match="not trained to its minimum"):
        HeadSolver(fit_head(head.objective, steps=1))
    with pytest.raises(InputError, match=r"did not converge: relative residual .* Nothing is ranked"):
        influence(HeadSolver(head, "cg", tolerance=1e-30), train, problem.examples(problem.validation_rows))
