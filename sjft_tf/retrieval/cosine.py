"""Cosine distance of feature vectors, in the form that the search of descriptors has."""

from __future__ import annotations

import dataclasses

import numpy as np

from sjft_tf.artifacts import fingerprint
from sjft_tf.errors import InputError
from sjft_tf.retrieval import search_kernels
from sjft_tf.retrieval.divergence import aligned

COSINE = fingerprint("cosine", 1)
"""Digest of the distance's definition."""


@dataclasses.dataclass(frozen=True)
class Cosine:
    """1 - cos of the angle between two feature vectors, from 0 to 2; a `divergence.Distance`.

    With unit vectors u and v it is (1 + 1 - 2 u . v) / 2. A vector of zeros has no direction: its product with every
    other is 0, and so its distance 1.

    Attributes:
        dimensions: F, numbers of a feature vector.
    """

    dimensions: int

    @property
    def width(self) -> int:
        """Columns of the inner product's two sides."""
        return self.dimensions

    def check(self, features: np.ndarray, what: str) -> None:
        """Raises InputError if `features` is not [N, F]."""
        if features.ndim != 2 or features.shape[1] != self.dimensions:
            raise InputError(
                f"{what} features must have {self.dimensions} columns. Received: shape={tuple(features.shape)}"
            )

    def of_target(self, features: np.ndarray, rows: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Twice the unit vectors, float32 [rows or N, F] (the last ones zero), and ones, float32 [N]."""
        count = len(features)
        vectors, own = aligned((max(rows, count), self.dimensions)), np.empty(count, np.float32)
        vectors[count:] = 0
        self.of_source(features, vectors[:count], own)
        vectors *= 2
        return vectors, own

    def of_source(self, features: np.ndarray, side: np.ndarray, own: np.ndarray) -> None:
        """Writes the unit vectors into `side` float32 [N, F], and ones into `own` float32 [N].

        Raises:
            InputError: a feature is NaN or infinite.
        """
        wide = features.astype(np.float64, order="C")
        length = np.empty(len(wide))
        search_kernels.lengths(wide, length)  # NumPy's sums may round by where a row lies in memory
        if not np.isfinite(length).all():
            raise InputError("The features hold NaN or infinite numbers: the trunk's weights have diverged")
        np.divide(wide, np.where(length > 0, length, 1)[:, None], out=side, casting="same_kind")
        own[:] = 1
