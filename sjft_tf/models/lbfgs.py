"""L-BFGS for smooth convex functions without bounds (Nocedal & Wright 2006, algorithms 3.1 and 7.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MEMORY = 10
"""Pairs of steps and changes of the gradient that stand for the Hessian."""
DECREASE = 1e-4
"""Share of the decrease promised by the slope that a step must bring."""
HALVINGS = 20

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Value and gradient at weights float64 [n]."""
Pair = tuple[np.ndarray, np.ndarray, float]
"""A step, the change of the gradient over it, and their inner product."""


def lbfgs(objective: Objective, start: np.ndarray, steps: int, tolerance: float) -> tuple[np.ndarray, float, int]:
    """Goes down from `start` until a step gains less than `tolerance` times the value.

    SciPy's is made for bounds as well: with a hundred thousand weights it takes longer than the passes it asks for.

    Args:
        objective: to be minimized.
        start: float64 [n].
        steps: at most so many.
        tolerance: relative.

    Returns:
        `(weights float64 [n], value, evaluations)`; a value that is not finite ends it at once.
    """
    weights = start
    pairs: list[Pair] = []
    value, gradient = objective(weights)
    evaluations = 1
    for _ in range(steps):
        direction = _direction(gradient, pairs)
        slope = _dot(gradient, direction)
        if not np.isfinite(value) or slope >= 0:
            break
        length = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        for _ in range(HALVINGS):
            new = weights + length * direction
            new_value, new_gradient = objective(new)
            evaluations += 1
            if new_value <= value + DECREASE * length * slope:
                break
            length /= 2
        else:
            break  # at the limit of what the numbers can tell
        step, change, gain = new - weights, new_gradient - gradient, value - new_value
        if (curvature := _dot(step, change)) > 0:
            pairs = [*pairs[1 - MEMORY :], (step, change, curvature)]
        weights, value, gradient = new, new_value, new_gradient
        if gain <= tolerance * max(1.0, abs(value)):
            break
    return weights, value, evaluations


def _direction(gradient: np.ndarray, pairs: list[Pair]) -> np.ndarray:
    """Minus the inverse Hessian, as the pairs know it, times the gradient."""
    rest, shares = -gradient, []
    for step, change, curvature in reversed(pairs):
        share = _dot(step, rest) / curvature
        rest = rest - share * change
        shares.append(share)
    if pairs:
        _, change, curvature = pairs[-1]
        rest = rest * (curvature / _dot(change, change))
    for (step, change, curvature), share in zip(pairs, reversed(shares), strict=True):
        rest = rest + (share - _dot(change, rest) / curvature) * step
    return rest


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    # Not by BLAS: for vectors its threads cost more than they bring, above all where TensorFlow's are busy.
    return float(np.multiply(one, other).sum())
