"""Optimal transport of classes: source classes count as mass of the target comes to lie on them (Liu et al. 2022).

A class is a point, the mean of its images' features scaled to length 1, with the share a of the source's images that
it has, or b of the target's. Moving mass between source class i and target class j costs C_ij = (1 - cos)/0.1. The plan
T >= 0 minimizes

    <C, T> + epsilon KL(T | a b') + rho_s KL(T 1 | a) + rho_t KL(T' 1 | b),    KL(x | y) = sum x log(x/y) - x + y

The target's side is nearly kept (rho_t = 100): every target class is served. The source's side hardly binds
(rho_s = 1): far classes give little. Both sides have the shares of images, not an equal share for each class, and the
entropy is relative to a b': so a class that is cut in two of the same mean changes nothing for any image. What a class
gives, the sum of its row of T, is its weight.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from sjft_tf.errors import InputError
from sjft_tf.selection.weights import ClassWeights

COST_UNIT = 0.1
EPSILON = 1.0
SOURCE_STRENGTH, TARGET_STRENGTH = 1.0, 100.0
_MOST_STEPS, _TOLERANCE = 1000, 1e-9


def cosine_costs(source_means: np.ndarray, target_means: np.ndarray) -> np.ndarray:
    """(1 - cos) / 0.1 between class means.

    Args:
        source_means: float [C_s, F].
        target_means: float [C_t, F].

    Returns:
        float64 [C_s, C_t], from 0 to 20; a mean of length 0 is at right angles to all.
    """
    source, target = (_unit(np.asarray(means, np.float64)) for means in (source_means, target_means))
    return np.clip(1.0 - source @ target.T, 0.0, 2.0) / COST_UNIT


def unbalanced_plan(
    costs: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    epsilon: float = EPSILON,
    strengths: tuple[float, float] = (SOURCE_STRENGTH, TARGET_STRENGTH),
) -> np.ndarray:
    """The plan T by Sinkhorn's iteration on logarithms (Chizat et al. 2018, algorithm 2).

    With the potentials f, g, T_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon), in turn

        f_i = - rho_s / (rho_s + epsilon) * epsilon log sum_j b_j exp((g_j - C_ij) / epsilon)

    and likewise g. Each pair of steps shrinks the distance to the solution by rho_s / (rho_s + epsilon) times
    rho_t / (rho_t + epsilon), one half here.

    Args:
        costs: C, float [C_s, C_t].
        source: a, float [C_s], not negative; rows of classes with 0 are 0.
        target: b, float [C_t], not negative.
        epsilon: of the entropy, above 0.
        strengths: (rho_s, rho_t), above 0.

    Returns:
        float64 [C_s, C_t].

    Raises:
        InputError: it has not settled after 1,000 steps.
    """
    near = -np.asarray(costs, np.float64) / epsilon
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(np.asarray(source, np.float64)), np.log(np.asarray(target, np.float64))
    pull_a, pull_b = (rho / (rho + epsilon) for rho in strengths)
    f, g = np.zeros(len(log_a)), np.zeros(len(log_b))  # in units of epsilon
    for _ in range(_MOST_STEPS):
        before = g
        f = -pull_a * logsumexp(near + (log_b + g), axis=1)
        g = -pull_b * logsumexp(near + (log_a + f)[:, None], axis=0)
        if np.abs(g - before).max() <= _TOLERANCE:
            return np.exp(near + (log_a + f)[:, None] + (log_b + g))
    raise InputError(f"The transport has not settled after {_MOST_STEPS} steps: epsilon={epsilon} is too small")


def transport_weights(
    source_means: np.ndarray, target_means: np.ndarray, source_labels: np.ndarray, target_labels: np.ndarray
) -> ClassWeights:
    """Weights of the source's classes: `target` are the row sums of the plan, as shares of their sum.

    Args:
        source_means: float [C_s, F]; of classes without images anything finite.
        target_means: float [C_t, F].
        source_labels: int [N_s].
        target_labels: int [N_t].

    Raises:
        InputError: features that are not finite.
    """
    if not (np.isfinite(source_means).all() and np.isfinite(target_means).all()):
        raise InputError("The features hold NaN or infinite numbers: the trunk's weights have diverged")
    a, b = (
        np.bincount(labels, minlength=len(means)) / len(labels)
        for labels, means in ((source_labels, source_means), (target_labels, target_means))
    )
    plan = unbalanced_plan(cosine_costs(source_means, target_means), a, b)
    return ClassWeights.of_shares(plan.sum(axis=1), source_labels)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
