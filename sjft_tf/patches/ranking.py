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
    held = [np.sort(order[fold::_FOLDS]) for fold in range(_FOLDS)]
    figures = []
    for strength in STRENGTHS:
        parts = []
        for out in held:
            kept = np.setdiff1d(order, out)
            if len(kept) and present[out].any():
                scores = _fitted(features[kept], present[kept], strength)(features[out])
                parts.append(mean_average_precision(present[out], scores))
        figures.append(float(np.mean(parts)) if parts else 0.0)
    best = STRENGTHS[int(np.argmax(figures))]
    return _fitted(features, present, best), best


def _fitted(features: np.ndarray, present: np.ndarray, strength: float) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features.astype(np.float64))
    scaled, models = scaler.transform(features.astype(np.float64)), []
    with warnings.catch_warnings():
        # A ranking needs no last digits.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for there in present.T:
            one = there.any() and not there.all()
            models.append(LogisticRegression(C=strength, max_iter=300).fit(scaled, there) if one else None)

    def scores(wanted: np.ndarray) -> np.ndarray:
        rows = scaler.transform(wanted.astype(np.float64))
        constant = np.zeros(len(rows))
        return np.stack([constant if one is None else one.decision_function(rows) for one in models], axis=1)

    return scores
