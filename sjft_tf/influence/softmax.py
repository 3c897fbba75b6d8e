"""The convex head's arithmetic in float64: loss, gradient, Hessian-vector products and per-image terms, all closed.

L2-regularized multinomial logistic regression on fixed inputs x (the last one is 1, so the bias is a weight), with
weights W [D, C], image weights w_i and n images:

    J(W) = 1/n sum_i w_i CE(W^T x_i, y_i) + l2/2 ||W||^2
    gradient of one image's loss:  x (p - e_y)^T
    Hessian product:               1/n sum_i w_i x_i (s_i - p_i (p_i . s_i))^T + l2 V,   s_i = p_i * (V^T x_i)

Bias included, everything is regularized: then J is strictly convex with a unique minimum and H at least l2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import log_softmax

from sjft_tf.influence.blocks import Block, Examples

CACHE_BYTES = 64 << 20
"""Most memory for keeping the probabilities of one block between Hessian products."""


def probabilities(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Softmax of `inputs` [B, D] times `weights` [D, C]: float64 [B, C]."""
    return np.exp(log_softmax(inputs @ weights, axis=1))


def errors(block: Block, weights: np.ndarray) -> np.ndarray:
    """p - e_y of a block, float64 [B, C]: the gradient of each image's loss with respect to its logits."""
    p = probabilities(block.inputs, weights)
    p[np.arange(len(p)), block.labels] -= 1.0
    return p


class SoftmaxObjective:
    """J over given images.

    Args:
        examples: M images.
        num_classes: C.
        l2: strength of the regularization, above 0.
        image_weights: float64 [M]; None is 1 each. Leaving an image out is weight 0.
    """

    def __init__(
        self, examples: Examples, num_classes: int, l2: float, image_weights: np.ndarray | None = None
    ) -> None:
        self.examples, self.num_classes, self.l2 = examples, num_classes, l2
        self.image_weights = np.ones(len(examples)) if image_weights is None else np.asarray(image_weights, np.float64)
        self.shape = (examples.width, num_classes)

    @property
    def size(self) -> int:
        """How many weights there are, D * C."""
        return self.shape[0] * self.shape[1]

    def value(self, weights: np.ndarray) -> float:
        """J at `weights` [D, C]."""
        total = 0.0
        for block in self.examples.blocks():
            logs = log_softmax(block.inputs @ weights, axis=1)[np.arange(len(block.labels)), block.labels]
            total -= float(logs @ self.image_weights[block.rows])
        return total / len(self.examples) + 0.5 * self.l2 * float(np.vdot(weights, weights))

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of J at `weights`, float64 [D, C]."""
        gradient = self.l2 * weights
        for block in self.examples.blocks():
            weighted = errors(block, weights) * (self.image_weights[block.rows, None] / len(self.examples))
            gradient += block.inputs.T @ weighted
        return gradient

    def curvature(self, weights: np.ndarray, damping: float = 0.0) -> Curvature:
        """The Hessian of J at `weights`, plus `damping` times the identity."""
        return Curvature(self, weights, damping)


class Curvature:
    """H + damping I of a `SoftmaxObjective`, as products with vectors; the matrix itself on request."""

    def __init__(self, objective: SoftmaxObjective, weights: np.ndarray, damping: float = 0.0) -> None:
        self._objective, self._weights = objective, weights
        self.shape, self.size = objective.shape, objective.size
        self.floor = objective.l2 + damping  # H + damping I is at least this
        examples = objective.examples
        keep = examples.one_block() and 8 * len(examples) * self.shape[1] <= CACHE_BYTES
        self._probabilities = probabilities(next(examples.blocks()).inputs, weights) if keep else None

    def product(self, vectors: np.ndarray) -> np.ndarray:
        """(H + damping I) V for V float64 [D, C], or for K of them as [K, D, C]; the same shape."""
        single = vectors.ndim == 2
        stack = vectors[np.newaxis] if single else vectors
        products = self.floor * stack
        for block, p in self._blocks():
            weights = self._objective.image_weights[block.rows, None] / len(self._objective.examples)
            for number, vector in enumerate(stack):
                s = p * (block.inputs @ vector)
                s -= p * s.sum(axis=1, keepdims=True)
                products[number] += block.inputs.T @ (s * weights)
        return products[0] if single else products

    def matrix(self) -> np.ndarray:
        """H + damping I written out, float64 [D * C, D * C]; rows and columns in the order of W.ravel()."""
        (width, classes), count = self.shape, len(self._objective.examples)
        matrix = np.zeros((width, classes, width, classes))
        for block, p in self._blocks():
            weights = self._objective.image_weights[block.rows] / count
            for a in range(classes):
                for b in range(a, classes):
                    share = weights * (p[:, a] * (a == b) - p[:, a] * p[:, b])
                    matrix[:, a, :, b] += block.inputs.T @ (block.inputs * share[:, None])
        for a in range(classes):
            for b in range(a):
                matrix[:, a, :, b] = matrix[:, b, :, a].T
        matrix = matrix.reshape(self.size, self.size)
        matrix[np.diag_indices(self.size)] += self.floor
        return matrix

    def _blocks(self) -> Iterator[tuple[Block, np.ndarray]]:
        """Blocks of images, and their probabilities float64 [B, C]."""
        for block in self._objective.examples.blocks():
            p = self._probabilities
            yield block, probabilities(block.inputs, self._weights) if p is None else p
