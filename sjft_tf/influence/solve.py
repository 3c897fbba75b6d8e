"""Solving (H + damping I) x = v, with proof: every solution carries the residual that was measured at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, cg

from sjft_tf.errors import InputError

Product = Callable[[np.ndarray], np.ndarray]
"""(H + damping I) times a vector float64 [P]."""
Factors = tuple[np.ndarray, bool]
"""Of Cholesky: a triangle of the matrix, and whether it is the lower one."""


@dataclass(frozen=True)
class Solution:
    """An approximate solution and how good it is.

    Attributes:
        vector: float64 [P].
        method: who found it.
        residual: ||(H + damping I) x - v|| / ||v||, measured with one more product.
        tolerance: the largest residual that counts as converged.
        products: Hessian products it took; 0 for a direct solve.
    """

    vector: np.ndarray
    method: str
    residual: float
    tolerance: float
    products: int

    @property
    def converged(self) -> bool:
        """Whether the residual is a number and within the tolerance."""
        return bool(self.residual <= self.tolerance)

    def check(self) -> Solution:
        """Itself, if it converged.

        Raises:
            InputError: it did not: nothing may be ranked by it.
        """
        if not self.converged:
            raise InputError(
                f"The influence solve ({self.method}) did not converge: relative residual {self.residual:.2g} after "
                f"{self.products} Hessian products, at most {self.tolerance:.2g} is accepted. Nothing is ranked by it. "
                "Raise --damping or --solve_steps (lissa: also --lissa_scale), or take --solver=cg."
            )
        return self

    def __str__(self) -> str:
        return f"{self.method}, relative residual {self.residual:.1e}, {self.products} Hessian products"


def conjugate_gradients(product: Product, vector: np.ndarray, *, tolerance: float = 1e-8, steps: int = 0) -> Solution:
    """Conjugate gradients (scipy), which need a positive definite matrix and notice when it is not.

    Args:
        product: of the symmetric matrix with a vector.
        vector: v, float64 [P].
        tolerance: relative residual to reach.
        steps: at most so many; 0: 10 times P (in exact arithmetic P would do), but no more than 1,000.

    Raises:
        InputError: a direction of negative or no curvature turned up.
    """
    steps = steps or min(10 * len(vector), 1000)
    count = 0

    def guarded(direction: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        answer = product(direction)
        bend = float(direction @ answer)
        if not bend > 0.0 and np.any(direction):
            raise InputError(
                "The damped Hessian is not positive definite (curvature "
                f"{bend / float(direction @ direction):.2g} in one direction): influence has no meaning there. Raise "
                "--damping by more than that, or take --curvature=gauss_newton."
            )
        return answer

    operator = LinearOperator((len(vector),) * 2, matvec=guarded, dtype=np.float64)
    # A little below what is asked for: the recursion's own residual drifts from the true one.
    solution, _ = cg(operator, vector, rtol=tolerance / 2, atol=0.0, maxiter=steps)
    return measured(product, vector, solution, "cg", tolerance, count)


def factorized(matrix: np.ndarray) -> Factors:
    """Cholesky factors of the matrix written out, for `direct`.

    Raises:
        InputError: the matrix is not positive definite.
    """
    try:
        return linalg.cho_factor(matrix)
    except linalg.LinAlgError as error:
        raise InputError(
            f"The damped Hessian is not positive definite ({error}). Raise --damping, or take --curvature=gauss_newton."
        ) from error


def direct(factors: Factors, product: Product, vector: np.ndarray, *, tolerance: float = 1e-8) -> Solution:
    """Solution by `factors`; `product` is there to measure the residual by other means than the factors came by."""
    return measured(product, vector, linalg.cho_solve(factors, vector), "direct", tolerance, 0)


def measured(
    product: Product, vector: np.ndarray, solution: np.ndarray, method: str, tolerance: float, products: int
) -> Solution:
    """The `solution` with its true residual; a vanishing `vector` has the solution 0."""
    size = float(np.linalg.norm(vector))
    if size == 0.0:
        return Solution(np.zeros_like(vector), method, 0.0, tolerance, products)
    residual = float(np.linalg.norm(product(solution) - vector)) / size if np.isfinite(solution).all() else float("inf")
    return Solution(solution, method, residual, tolerance, products)
