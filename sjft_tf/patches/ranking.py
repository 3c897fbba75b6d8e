"""How well scores rank images, and the classifier of whole images that patches have to beat."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Inverse strengths of L2 that are tried."""
_FOLDS = 3


def average_precisions(present: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each class over images.

    Args:
        present: bool [N, C], the classes that an image has.
        scores: float [N, C].

    Returns:
        float64 [C]; NaN for a class that no image has.
    """
    from sklearn.metrics import average_precision_score

    found = [
        average_precision_score(there, score) if there.any() else np.nan
        for there, score in zip(present.T, scores.T, strict=True)
    ]
    return np.array(found)


def mean_average_precision(present: np.ndarray, scores: np.ndarray) -> float:
    """Their mean over the classes that some image has."""
    return float(np.nanmean(average_precisions(present, scores)))


def fit_whole_image(
    features: np.ndarray, present: np.ndarray, seed: int
) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """Logistic regression on features of whole images, one class against the rest.

    The strength of L2 is the one of `STRENGTHS` with the best mean average precision over 3 folds.

    Args:
        features: float32 [N, F].
        present: bool [N, C].
        seed: of the folds.

    Returns:
        `(scores, strength)`: from float32 [M, F] to float64 [M, C], and the inverse strength that was taken.
    """
    order = np.random.default_rng(seed).permutation(len(features))
    figures = np.zeros(len(STRENGTHS))
    for fold in range(_FOLDS):
        out, kept = np.sort(order[fold::_FOLDS]), np.sort(np.delete(order, slice(fold, None, _FOLDS)))
        if len(kept) and present[out].any():
            problem = _Problem(features[kept], present[kept])
            figures += [mean_average_precision(present[out], problem.fit(s)(features[out])) for s in STRENGTHS]
    best = STRENGTHS[int(np.argmax(figures))]
    return _Problem(features, present).fit(best), best


class _Problem:
    """Standardized features in the space that the images span: with L2 the solution lies in it, and it is small."""

    def __init__(self, features: np.ndarray, present: np.ndarray) -> None:
        from sklearn.preprocessing import StandardScaler

        self._scaler = StandardScaler().fit(features.astype(np.float64))
        left, lengths, self._axes = np.linalg.svd(
            self._scaler.transform(features.astype(np.float64)), full_matrices=False
        )
        self._rows, self._present = left * lengths, present

    def fit(self, strength: float) -> Callable[[np.ndarray], np.ndarray]:
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        # liblinear: the others spend ten times as long on handing such small problems to all cores.
        solver = LogisticRegression(C=strength, max_iter=300, solver="liblinear", intercept_scaling=10, random_state=0)
        models = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a ranking needs no last digits
            for there in self._present.T:
                one = there.any() and not there.all()
                models.append(clone(solver).fit(self._rows, there) if one else None)

        def scores(features: np.ndarray) -> np.ndarray:
            rows = self._scaler.transform(features.astype(np.float64)) @ self._axes.T
            constant = np.zeros(len(rows))
            return np.stack([constant if one is None else one.decision_function(rows) for one in models], axis=1)

        return scores
