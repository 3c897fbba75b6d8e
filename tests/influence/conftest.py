"""Small problems with overlapping classes, so that every image matters."""

from __future__ import annotations

import numpy as np
import pytest

from sjft_tf.influence import Examples, Scaling, SoftmaxObjective, fit_head

CLASSES = 3


class Problem:
    """Features float32 [N, 4] of three overlapping classes; 24 training and 9 validation rows."""

    def __init__(self, seed: int = 1, count: int = 33, width: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self.labels = np.arange(count) % CLASSES
        centers = rng.normal(0, 1.0, (CLASSES, width))
        self.features = (centers[self.labels] + rng.normal(0, 1.0, (count, width))).astype(np.float32)
        self.rows, self.validation_rows = np.arange(count - 9), np.arange(count - 9, count)
        self.scaling = Scaling.of(self.features, self.rows)

    def examples(self, rows: np.ndarray, **options: int) -> Examples:
        return Examples(self.features, self.labels, self.scaling, rows, **options)

    def head(self, l2: float = 0.05, **options: int):
        return fit_head(SoftmaxObjective(self.examples(self.rows, **options), CLASSES, l2))


@pytest.fixture(scope="session")
def problem() -> Problem:
    return Problem()
