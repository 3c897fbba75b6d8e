"""Cross-fitting: every image is scored by heads that saw neither it nor the images it is judged by.

Held-out validation is a tenth of a small set, and a head that has learned a wrong label by heart finds nothing wrong
with it. With k folds there is a head for every pair of folds, trained on the other k - 2: the images of one are scored
on the loss of the other, and the other way round. The sum over all pairs judges each image by all of the set but its
own fold. With a validation set that was given, one head a fold is enough: the fold it has not seen is scored on it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np

from sjft_tf.influence.blocks import Examples
from sjft_tf.influence.head import Head
from sjft_tf.influence.scores import HeadSolver, label_influence, validation_gradient


class Part(NamedTuple):
    """One head's share of the work: rows it is trained on, and pairs of (scored rows, judging rows)."""

    train: np.ndarray
    judged: tuple[tuple[np.ndarray, np.ndarray], ...]


def parts(fold_of: np.ndarray) -> list[Part]:
    """The k (k - 1) / 2 heads of k folds, `fold_of` int [N]."""
    heads = []
    for a, b in combinations(range(int(fold_of.max()) + 1), 2):
        one, other = np.flatnonzero(fold_of == a), np.flatnonzero(fold_of == b)
        heads.append(Part(np.flatnonzero((fold_of != a) & (fold_of != b)), ((one, other), (other, one))))
    return heads


def parts_with_validation(fold_of: np.ndarray, validation: np.ndarray) -> list[Part]:
    """The k heads where the judging rows are given: `fold_of` int [N], `validation` rows that are in no fold."""
    return [
        Part(np.flatnonzero(fold_of != fold), ((np.flatnonzero(fold_of == fold), validation),))
        for fold in range(int(fold_of.max()) + 1)
    ]


def held_out_probabilities(
    fold_of: np.ndarray, fit: Callable[[np.ndarray], Head], examples: Callable[[np.ndarray], Examples], num_classes: int
) -> np.ndarray:
    """Probabilities of each image by the head that was trained on the other folds: float64 [N, C].

    Args:
        fold_of: int [N].
        fit: trains the head of given rows.
        examples: the images of given rows.
        num_classes: C.
    """
    probabilities = np.empty((len(fold_of), num_classes))
    for fold in range(int(fold_of.max()) + 1):
        rows = np.flatnonzero(fold_of == fold)
        probabilities[rows] = fit(np.flatnonzero(fold_of != fold)).probabilities(examples(rows))
    return probabilities


def cross_fitted(
    work: list[Part],
    make_solver: Callable[[np.ndarray], HeadSolver],
    examples: Callable[[np.ndarray], Examples],
    judges: np.ndarray,
    count: int,
    num_classes: int,
) -> np.ndarray:
    """Influence of each image under each label, summed over all that judges it.

    Args:
        work: from `parts` or `parts_with_validation`.
        make_solver: trains the head of given rows.
        examples: the images of given rows.
        judges: bool [N + M], which rows may judge (the focus class); N rows that are scored come first.
        count: N.
        num_classes: C.

    Returns:
        float64 [N, C]; the column of an image's own label is its influence.
    """
    total = np.zeros((count, num_classes))
    for part in work:
        solver = make_solver(part.train)
        for scored, judging in part.judged:
            judging = judging[judges[judging]]
            if not len(judging):
                continue
            solved = solver(validation_gradient(solver.head, examples(judging)))
            solution = solved.vector.reshape(solver.head.weights.shape)
            for block in examples(scored).blocks():
                total[scored[block.rows]] += label_influence(solver.head, block, solution)
    return total
