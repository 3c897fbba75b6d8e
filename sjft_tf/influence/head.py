"""The convex softmax head on frozen features, trained to its minimum: the ground where influence is exact."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from sjft_tf.errors import InputError
from sjft_tf.influence.blocks import Examples
from sjft_tf.influence.softmax import SoftmaxObjective, probabilities
from sjft_tf.models import strongest_to_weakest

log = logging.getLogger(__name__)

GRADIENT_TOLERANCE = 1e-9
L2_CHOICES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
LEVERAGE = 2.0
"""Largest mean leverage, ||x||^2 / (n l2), at which one image's absence counts as a small step; see `least_l2`."""


@dataclass(frozen=True)
class Head:
    """A trained head.

    Attributes:
        weights: float64 [D, C], bias in the last row.
        objective: what was minimized.
        gradient_norm: of the objective at `weights`.
        steps: Newton steps taken.
        tolerance: gradient norm that counts as converged.
    """

    weights: np.ndarray
    objective: SoftmaxObjective
    gradient_norm: float
    steps: int
    tolerance: float = GRADIENT_TOLERANCE

    @property
    def converged(self) -> bool:
        """Whether the gradient has vanished."""
        return bool(self.gradient_norm <= self.tolerance)

    def check(self) -> Head:
        """Itself, if it converged.

        Raises:
            InputError: it did not; the influence formula holds at a minimum only.
        """
        if not self.converged:
            raise InputError(
                f"The head is not trained to its minimum: gradient norm {self.gradient_norm:.2g} after {self.steps} "
                f"Newton steps, {self.tolerance:.2g} is needed. Influence is not defined there; raise --head_l2."
            )
        return self

    def loss(self, examples: Examples, class_weights: np.ndarray | None = None) -> float:
        """Cross entropy in nats summed over `examples`, each times its class's weight, without regularization."""
        count, own = len(examples), _of_images(class_weights, examples)
        return SoftmaxObjective(examples, self.weights.shape[1], 0.0, own).value(self.weights) * count

    def probabilities(self, examples: Examples) -> np.ndarray:
        """float64 [M, C] for every image of `examples`."""
        return np.concatenate([probabilities(block.inputs, self.weights) for block in examples.blocks()])


def fit_head(
    objective: SoftmaxObjective,
    start: np.ndarray | None = None,
    *,
    tolerance: float = GRADIENT_TOLERANCE,
    steps: int = 60,
) -> Head:
    """Newton's method: steps by conjugate gradients, halved until the objective falls far enough.

    The objective is strictly convex, so this ends at its only minimum from anywhere.

    Args:
        objective: what to minimize.
        start: float64 [D, C], e.g. the minimum of nearly the same objective; None is zero.
        tolerance: gradient norm at which it ends.
        steps: Newton steps at most. Where they do not suffice the head says so (`converged`).
    """
    weights = np.zeros(objective.shape) if start is None else np.array(start, np.float64)
    gradient = objective.gradient(weights)
    norm, step = float(np.linalg.norm(gradient)), 0
    while norm > tolerance and step < steps:
        curvature = objective.curvature(weights)
        operator = LinearOperator(
            (objective.size,) * 2,
            matvec=lambda v, c=curvature: c.product(v.reshape(c.shape)).ravel(),
            dtype=np.float64,
        )
        # The nearer the minimum, the more exact the step: convergence faster than any constant factor.
        move, _ = cg(operator, -gradient.ravel(), rtol=min(0.1, norm**0.5), atol=0.0, maxiter=1000)
        move = move.reshape(objective.shape)
        weights = weights + _length(objective, weights, gradient, move) * move
        gradient, step = objective.gradient(weights), step + 1
        norm = float(np.linalg.norm(gradient))
    return Head(weights, objective, norm, step, tolerance)


def _length(objective: SoftmaxObjective, weights: np.ndarray, gradient: np.ndarray, move: np.ndarray) -> float:
    slope = float(np.vdot(gradient, move))
    # So near the minimum that the fall is lost in the objective's last digits; Newton's step is right there.
    here = objective.value(weights)
    if -slope < 1e-11 * max(1.0, abs(here)):
        return 1.0
    length = 1.0
    while objective.value(weights + length * move) > here + 1e-4 * length * slope and length > 1e-6:
        length /= 2
    return length


def least_l2(examples: Examples) -> float:
    """The weakest l2 of a head that is to judge its own images, D / (2 n).

    Influence is a derivative: it predicts what leaving an image out does if that moves the head little. The move is in
    proportion to the image's leverage, x^T H^-1 x / n, which is at most ||x||^2 / (n l2); features are scaled so that
    ||x||^2 is D on average. With more features than images a head of the best l2 for prediction knows each image by
    heart, and first order falls short of the truth by factors (figures: docs/influence.md).
    """
    return examples.width / (LEVERAGE * len(examples))


def _of_images(class_weights: np.ndarray | None, examples: Examples) -> np.ndarray | None:
    return None if class_weights is None else class_weights[examples.labels]


def choose_l2(
    parts: Sequence[tuple[Examples, Examples]], num_classes: int, class_weights: np.ndarray | None = None
) -> float:
    """The l2 of `L2_CHOICES` with the lowest validation loss, all parts together.

    From strong to weak, each fit starting from the one before; it ends once the loss rises.

    Args:
        parts: (training, validation) images, one pair or several.
        num_classes: C.
        class_weights: float64 [C], what an image's loss is multiplied by, in training and in validation; None: 1.
    """
    starts: list[np.ndarray | None] = [None] * len(parts)

    def fit(l2: float) -> tuple[float, float]:
        loss = 0.0
        for number, (train, validation) in enumerate(parts):
            objective = SoftmaxObjective(train, num_classes, l2, _of_images(class_weights, train))
            head = fit_head(objective, starts[number], tolerance=1e-4)
            starts[number] = head.weights
            loss += head.loss(validation, class_weights)
        return l2, loss

    best, lowest = strongest_to_weakest(L2_CHOICES, fit)
    log.info("head_l2: %g has the lowest validation loss, %.4g nats", best, lowest)
    return best
