"""Two solvers for large networks: LiSSA, a recursion over batches, and Arnoldi, a few directions that matter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh_tridiagonal

from sjft_tf.errors import InputError
from sjft_tf.influence.solve import Product, Solution, measured


def largest_eigenvalue(product: Product, size: int, steps: int = 10, seed: int = 0) -> float:
    """By power iteration: a little below the truth, whose order of magnitude is all that is needed."""
    vector = np.random.default_rng(seed).normal(size=size)
    value = 0.0
    for _ in range(steps):
        vector /= np.linalg.norm(vector)
        vector = product(vector)
        value = float(np.linalg.norm(vector))
        if value == 0.0:
            break
    return value


def lissa(
    batch_product: Callable[[np.ndarray, int], np.ndarray],
    product: Product,
    vector: np.ndarray,
    *,
    depth: int,
    scale: float,
    repeats: int = 1,
    tolerance: float = 0.1,
) -> Solution:
    """LiSSA: x_t = v + x_{t-1} - (H_t + damping I) x_{t-1} / scale (Agarwal et al. 2017; Koh & Liang 2017).

    The limit over `scale` solves the system if `scale` is above half the largest eigenvalue of every H_t + damping I;
    it takes about scale / (smallest eigenvalue) steps to gain a digit or two.

    Args:
        batch_product: (vector, step) -> product with the damped matrix of that step's batch.
        product: with the damped matrix of all images, to measure the residual.
        vector: v, float64 [P].
        depth: steps of one recursion.
        scale: see above.
        repeats: recursions that are averaged.
        tolerance: relative residual that counts as converged; batches leave noise, so it is not small.

    Raises:
        InputError: the recursion diverges.
    """
    total, size = np.zeros_like(vector), float(np.linalg.norm(vector))
    for repeat in range(repeats):
        x = vector.copy()
        for step in range(depth):
            x = vector + x - batch_product(x, repeat * depth + step) / scale
            grown = float(np.linalg.norm(x))
            # A convergent recursion adds at most v a step.
            if not grown <= 10.0 * (step + 2) * size:
                raise InputError(
                    f"LiSSA diverges: after {step + 1} steps the vector is {grown / max(size, 1e-300):.1e} times its "
                    f"start. Raise --lissa_scale above {scale:.3g} (it must exceed half the largest eigenvalue of any "
                    "batch's Hessian) or --damping, or take --solver=cg or --curvature=gauss_newton. Nothing is ranked."
                )
        total += x / scale
    return measured(product, vector, total / repeats, "lissa", tolerance, repeats * depth)


def arnoldi(
    product: Product,
    vector: np.ndarray,
    *,
    dimension: int,
    damping: float,
    seed: int = 0,
    tolerance: float = 0.1,
) -> Solution:
    """Arnoldi (Schioppa et al. 2022): the inverse on the Krylov space of a random vector, where H bends most.

    The matrix is symmetric, so its projection is tridiagonal; every new direction is made orthogonal to all before it,
    twice. Outside of the space H counts as 0, which leaves 1 / damping there; without damping that part is left out,
    as in the paper.

    Args:
        product: with the damped matrix.
        vector: v, float64 [P].
        dimension: of the Krylov space: that many products, and as many vectors in memory.
        damping: what `product` contains of it.
        seed: of the start vector.
        tolerance: relative residual that counts as converged.

    Raises:
        InputError: an eigenvalue of the damped matrix is not positive.
    """
    size = len(vector)
    dimension = min(dimension, size)
    basis = np.empty((dimension, size))
    diagonal, beside = np.empty(dimension), np.empty(dimension)
    direction = np.random.default_rng(seed).normal(size=size)
    length, used = float(np.linalg.norm(direction)), 0
    for step in range(dimension):
        basis[step] = direction / length
        direction = product(basis[step])
        diagonal[step] = basis[step] @ direction
        used = step + 1
        for _ in range(2):
            direction -= basis[:used].T @ (basis[:used] @ direction)
        length = float(np.linalg.norm(direction))
        beside[step] = length
        if length <= 1e-12 * max(1.0, abs(diagonal[0])):  # the space is closed under H
            break
    values, turns = eigh_tridiagonal(diagonal[:used], beside[: used - 1])
    if values[0] <= 0.0:
        raise InputError(
            f"The damped Hessian is not positive definite (eigenvalue {values[0]:.2g}): influence has no "
            f"meaning there. Raise --damping by more than {-values[0]:.2g}, or take --curvature=gauss_newton."
        )
    inside = basis[:used] @ vector
    solution = basis[:used].T @ (turns @ ((turns.T @ inside) / values))
    if damping > 0.0:
        solution += (vector - basis[:used].T @ inside) / damping
    return measured(product, vector, solution, "arnoldi", tolerance, used)
