"""Influence of training images on validation loss, on the convex head (Koh & Liang 2017; METHOD: IDTL).

    I(z, z_j) = - grad L(z_j)^T (H + damping I)^-1 grad L(z)

is the rate at which the loss of z_j changes when z gets more weight in training. A positive sum over the validation
images means: z hurts. One solve with the summed validation gradient serves all training images, because the matrix
is symmetric; and a gradient here is x (p - e_y)^T, so its product with the solution S is x^T S (p - e_y).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.influence.blocks import Block, Examples
from sjft_tf.influence.head import Head
from sjft_tf.influence.softmax import errors, probabilities
from sjft_tf.influence.solve import Solution, conjugate_gradients, direct, factorized

DIRECT_SIZE = 2000
"""Weights up to which `auto` writes the Hessian out (32 MB) and factorizes it."""
SOLVERS = ("auto", "direct", "cg")
ROWS = 32
"""Validation images whose influences are in memory at a time in `influence_matrix`."""


@dataclass(frozen=True)
class Scores:
    """What a solve says of images.

    Attributes:
        influence: float64 [M], summed over the validation images; positive: the image hurts.
        better_class: int64 [M], the label under which the image would lower validation loss most.
        solution: the solve.
    """

    influence: np.ndarray
    better_class: np.ndarray
    solution: Solution


def validation_gradient(head: Head, validation: Examples) -> np.ndarray:
    """Gradient of the summed validation loss, float64 [D, C]."""
    return sum((b.inputs.T @ errors(b, head.weights) for b in validation.blocks()), np.zeros(head.weights.shape))


class HeadSolver:
    """(H + damping I)^-1 times vectors at a head's minimum.

    Args:
        head: trained to its minimum.
        solver: one of `SOLVERS`: `direct` writes the Hessian out, `cg` does not, `auto` does up to `DIRECT_SIZE`.
        damping: added to the Hessian's diagonal.
        tolerance: relative residual each solve must reach.

    Raises:
        InputError: the head is not at its minimum, or there is no such solver.
    """

    def __init__(self, head: Head, solver: str = "auto", damping: float = 0.0, tolerance: float = 1e-8) -> None:
        if solver not in SOLVERS:
            raise InputError(f"--solver of the convex head must be one of {', '.join(SOLVERS)}. Received: {solver!r}")
        self.head, self._tolerance = head.check(), tolerance
        self._curvature = head.objective.curvature(head.weights, damping)
        is_direct = solver == "direct" or (solver == "auto" and self._curvature.size <= DIRECT_SIZE)
        self._factors = factorized(self._curvature.matrix()) if is_direct else None

    def __call__(self, vector: np.ndarray) -> Solution:
        """The solution for `vector` [D, C].

        Raises:
            InputError: it did not converge.
        """
        flat = vector.ravel()
        if self._factors is not None:
            return direct(self._factors, self._product, flat, tolerance=self._tolerance).check()
        return conjugate_gradients(self._product, flat, tolerance=self._tolerance).check()

    def _product(self, vector: np.ndarray) -> np.ndarray:
        return self._curvature.product(vector.reshape(self._curvature.shape)).ravel()


def influence(solver: HeadSolver, candidates: Examples, validation: Examples) -> Scores:
    """Influence of every candidate on the summed loss of the validation images.

    Args:
        solver: of a trained head.
        candidates: M images to score; those the head was trained on, or others (then: of adding them).
        validation: at least one image.

    Raises:
        InputError: no validation image, or a solve that did not converge.
    """
    if not len(validation):
        raise InputError("There is no validation image to measure influence on")
    return score(solver.head, candidates, solver(validation_gradient(solver.head, validation)))


def score(head: Head, candidates: Examples, solved: Solution) -> Scores:
    """Influence of the candidates by a solution for the summed validation gradient: one pass over blocks."""
    solution = solved.check().vector.reshape(head.weights.shape)
    amount, better = np.empty(len(candidates)), np.empty(len(candidates), np.int64)
    for block in candidates.blocks():
        by_label = label_influence(head, block, solution)
        amount[block.rows] = by_label[np.arange(len(by_label)), block.labels]
        better[block.rows] = by_label.argmin(axis=1)
    return Scores(amount, better, solved)


def label_influence(head: Head, block: Block, solution: np.ndarray) -> np.ndarray:
    """The influence each image would have under each label, float64 [B, C].

    With label c: -x^T S (p - e_c) = (x^T S)_c - (x^T S) . p, for the solution S [D, C].
    """
    answer = block.inputs @ solution
    return answer - (answer * probabilities(block.inputs, head.weights)).sum(axis=1, keepdims=True)


def influence_matrix(
    solver: HeadSolver, candidates: Examples, validation: Examples
) -> Iterator[tuple[slice, np.ndarray]]:
    """I(z, z_j) for blocks of validation images: `(their places, float64 [B, M])`; one solve an image.

    Args:
        solver, candidates, validation: as in `influence`.
    """
    for block in validation.blocks():
        wrong = errors(block, solver.head.weights)
        for begin in range(0, len(wrong), ROWS):
            rows = range(begin, min(begin + ROWS, len(wrong)))
            matrix = np.stack(
                [
                    score(solver.head, candidates, solver(np.outer(block.inputs[row], wrong[row]))).influence
                    for row in rows
                ]
            )
            yield slice(block.rows.start + begin, block.rows.start + begin + len(rows)), matrix
