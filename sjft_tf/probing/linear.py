"""Linear SVM and logistic regression by scikit-learn, on transformed features of one or several views an image.

What was measured on two busy cores, for Flowers-102's 1,020 images x 16 views x 1,280 features and 102 classes: the SVM
takes 0.4 to 0.7 s a class by Newton's method on the primal problem, whatever its strength. Coordinate descent on the
dual is as fast for small strengths and does not converge within 2,000 passes for large ones; stochastic descent takes
26 s a class. All of scikit-learn's linear SVMs compute in float64. The logistic regression computes in float32 by
L-BFGS, 30 s; with more threads than one its small products take up to 25 times as long where others work beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.probing.transforms import dropped, signed_power, unit_length

_ROWS = 8192  # of a block that is transformed to be scored
_PASSES = 1000
Fitted = tuple[float, np.ndarray, np.ndarray]
"""Strength, weights float64 [C, F] (of two classes [1, F]) and bias."""


@dataclass(frozen=True)
class LinearProbe:
    """A fitted linear classifier.

    Attributes:
        kind: "svm" (one against the rest, squared hinge, features of unit length) or "logistic" (softmax).
        strength: C.
        power: of the signed power transform.
        weights: float64 [F, C]; centering and scaling of features is in them already.
        bias: float64 [C].
        temperature: what scores are divided by before the softmax.
    """

    kind: str
    strength: float
    power: float
    weights: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0

    def scores(self, features: np.ndarray) -> np.ndarray:
        """The scores of images, the mean of their views'.

        Args:
            features: float [N, V, F], as the trunk gives them.

        Returns:
            float64 [N, C].
        """
        images, views = features.shape[:2]
        result = np.empty((images, len(self.bias)))
        step = max(1, _ROWS // views)
        for start in range(0, images, step):
            block = features[start : start + step].astype(np.float64)
            result[start : start + step] = (_ready(block, self.kind, self.power) @ self.weights).mean(axis=1)
        return result + self.bias

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """float32 [N, C]: the softmax of the scores, divided by the temperature."""
        scores = self.scores(features) / self.temperature
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def fit_probes(
    kind: str,
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    strengths: Sequence[float],
    power: float = 1.0,
    dropout: float = 0.0,
    seed: int = 0,
    balanced: bool = False,
) -> Iterator[LinearProbe]:
    """Fits a classifier for each strength.

    C weighs the losses of images, each the mean over its views, against half the squared weights, where features have
    unit length: those of the SVM each, those of the logistic regression on average, after centering.

    Args:
        kind: "svm" or "logistic".
        features: float32 [N, V, F].
        labels: int [N], in 0..C-1, every class at least once.
        num_classes: C, at least 2.
        strengths: in ascending order, so that the next fit begins near its end.
        power: see `signed_power`.
        dropout: share of the features that is dropped, at random for each view.
        seed: of dropout.
        balanced: every class counts alike, however many images it has.

    Raises:
        InputError: features that are not finite, a class without images.
    """
    images, views, width = features.shape
    if (missing := np.setdiff1d(np.arange(num_classes), labels)).size:
        raise InputError(f"A linear classifier needs images of every class. There are none of class {missing[0]}")
    rows, of_rows = features.reshape(images * views, width), np.repeat(labels, views)
    if not np.isfinite(rows).all():
        raise InputError("Features hold NaN or infinite numbers: the trunk's weights are damaged or do not fit")
    rows = _ready(dropped(rows, dropout, seed), kind, power)
    fit = _fit_svm if kind == "svm" else _fit_logistic
    # Of two classes scikit-learn has one score, that of the second.
    pair = np.array([[-1.0], [1.0]]) if kind == "svm" else np.array([[0.0], [1.0]])
    signs = pair if num_classes == 2 else np.eye(num_classes)
    weight = "balanced" if balanced else None
    for strength, weights, bias in fit(rows, of_rows, strengths, views, weight):
        yield LinearProbe(kind, strength, power, (signs @ weights).T, signs @ bias)


def _ready(features: np.ndarray, kind: str, power: float) -> np.ndarray:
    raised = signed_power(features, power)
    return unit_length(raised) if kind == "svm" else raised


def _fit_svm(
    rows: np.ndarray, labels: np.ndarray, strengths: Sequence[float], views: int, class_weight: str | None
) -> Iterator[Fitted]:
    from sklearn.svm import LinearSVC  # not for --help

    rows = rows.astype(np.float64)
    for strength in strengths:
        svm = LinearSVC(C=strength / views, dual=False, tol=1e-3, max_iter=_PASSES, class_weight=class_weight)
        svm.fit(rows, labels)
        yield strength, svm.coef_, svm.intercept_


def _fit_logistic(
    rows: np.ndarray, labels: np.ndarray, strengths: Sequence[float], views: int, class_weight: str | None
) -> Iterator[Fitted]:
    from sklearn.linear_model import LogisticRegression  # not for --help
    from threadpoolctl import threadpool_limits

    rows = rows.astype(np.float32)
    mean = rows.mean(axis=0, dtype=np.float64)
    centered = rows - mean.astype(np.float32)
    # Numbers of about 1: the solver ends where a gradient is small, which of unit vectors it always is.
    width = rows.shape[1]
    scale = float(np.sqrt(width / max(np.square(centered).sum(axis=1, dtype=np.float64).mean(), 1e-30)))
    centered *= np.float32(scale)
    regression: Any = LogisticRegression(warm_start=True, tol=1e-4, max_iter=_PASSES, class_weight=class_weight)
    for strength in strengths:
        with threadpool_limits(1):
            regression.set_params(C=strength / views / width).fit(centered, labels)
        weights = regression.coef_.astype(np.float64) * scale
        yield strength, weights, regression.intercept_.astype(np.float64) - weights @ mean
