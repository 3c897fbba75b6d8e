"""The truth behind the scores: the head trained again without an image, and what that did to validation loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import pearsonr, spearmanr

from sjft_tf import progress
from sjft_tf.errors import InputError
from sjft_tf.influence.blocks import Examples
from sjft_tf.influence.head import Head, fit_head
from sjft_tf.influence.softmax import SoftmaxObjective


@dataclass(frozen=True)
class LeaveOneOut:
    """Changes of the summed validation loss in nats when single images are left out.

    Attributes:
        positions: int [R], which of the training images.
        predicted: float64 [R], -I(z) / n: leaving z out takes away its weight of 1/n.
        measured: float64 [R], by training again.
    """

    positions: np.ndarray
    predicted: np.ndarray
    measured: np.ndarray

    @property
    def pearson(self) -> float:
        """Linear correlation of both."""
        return float(pearsonr(self.predicted, self.measured)[0])

    @property
    def spearman(self) -> float:
        """Correlation of their ranks."""
        return float(spearmanr(self.predicted, self.measured)[0])


def leave_one_out(
    head: Head, influence: np.ndarray, validation: Examples, positions: np.ndarray, damping: float = 0.0
) -> LeaveOneOut:
    """Trains the head again without each of the images at `positions`, one at a time.

    The objective stays the mean over all n images with one weight set to 0, so that L2 keeps its strength beside the
    others: that is the change the influence function differentiates.

    Args:
        head: trained on n images.
        influence: float64 [n], of those images, in their order.
        validation: the images whose loss is meant.
        positions: int [R], at least two.
        damping: what the influences were computed with; it must be 0, as nothing else was trained.

    Raises:
        InputError: a head that does not converge, or damped influences.
    """
    if damping:
        raise InputError(f"--verify compares with training again, which knows no --damping. Received: {damping}")
    objective = head.check().objective
    count = len(objective.examples)
    before = head.loss(validation)
    measured = np.empty(len(positions))
    for number, position in enumerate(progress.track(positions, "Training again", unit=" heads")):
        weights = objective.image_weights.copy()
        weights[position] = 0.0
        without = SoftmaxObjective(objective.examples, objective.num_classes, objective.l2, weights)
        measured[number] = fit_head(without, head.weights, tolerance=head.tolerance).check().loss(validation) - before
    return LeaveOneOut(np.asarray(positions), -influence[positions] / count, measured)
