"""How alike two representations of the same images are, block by block: linear CKA and the mean cosine."""

from __future__ import annotations

import math

import numpy as np


class Similarity:
    """Takes features of images before and after, and compares them without keeping them: memory is F x F, not N x F.

    Linear CKA (Kornblith et al. 2019, arXiv 1905.00414): with X and Y the features, each column less its mean,
    |Y'X|^2 / (|X'X| |Y'Y|), norms of Frobenius. 1 where one is the other turned and scaled, 0 where they share no
    direction. The cosine is that of an image's two vectors as they are, so that turning counts.

    Args:
        width: F, features of an image before; after are as many.

    Example:
        >>> same = Similarity(3)
        >>> same.update(np.eye(3), 2 * np.eye(3))
        >>> round(same.cka, 6), round(same.cosine, 6)
        (1.0, 1.0)
    """

    def __init__(self, width: int) -> None:
        self.images = 0
        self._cosines = 0.0
        self._shift: tuple[np.ndarray, np.ndarray] | None = None
        self._sums = np.zeros((2, width))
        # X'X, Y'Y, Y'X of features less the first block's means, which would drown the rest where they are large.
        self._products = np.zeros((3, width, width))

    def update(self, before: np.ndarray, after: np.ndarray) -> None:
        """Adds images.

        Args:
            before, after: float [n, F].

        Raises:
            ValueError: other shapes.
        """
        x, y = np.asarray(before, np.float64), np.asarray(after, np.float64)
        if x.shape != y.shape or x.shape[1:] != self._sums.shape[1:]:
            raise ValueError(
                f"`before` and `after` must be [n, {self._sums.shape[1]}]. Received: {x.shape} and {y.shape}"
            )
        if not len(x):
            return
        norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        products = (x * y).sum(axis=1)
        self._cosines += float(np.divide(products, norms, out=np.zeros(len(x)), where=norms > 0).sum())
        if self._shift is None:
            self._shift = x.mean(axis=0), y.mean(axis=0)
        x, y = x - self._shift[0], y - self._shift[1]
        self.images += len(x)
        self._sums += x.sum(axis=0), y.sum(axis=0)
        self._products += x.T @ x, y.T @ y, y.T @ x

    @property
    def cosine(self) -> float:
        """Mean cosine of an image's features before and after, 0 for a vector of zeros; NaN without images."""
        return self._cosines / self.images if self.images else math.nan

    @property
    def cka(self) -> float:
        """Linear CKA, 0 to 1; NaN where one side is the same for all images."""
        if not self.images:
            return math.nan
        x, y = self._sums
        xx, yy, yx = self._products - np.stack([np.outer(x, x), np.outer(y, y), np.outer(y, x)]) / self.images
        scale = float(np.linalg.norm(xx) * np.linalg.norm(yy))
        # What is left of equal numbers after rounding is no variance.
        if scale <= 1e-24 * float(np.linalg.norm(self._products[0]) * np.linalg.norm(self._products[1])) or not scale:
            return math.nan
        return min(1.0, float((yx**2).sum()) / scale)
