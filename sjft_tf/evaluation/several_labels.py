"""What predictions are worth where an image may be of several classes, or of none. NumPy only.

A probability stands for itself there: a class is answered where it is above 0.5. What is told of each class, and the
mean average precision, do not depend on that threshold but for recall, precision and F1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation.calibration import expected_calibration_error, reliability
from sjft_tf.evaluation.metrics import evaluate_probabilities
from sjft_tf.evaluation.ranking import Ranking, macro
from sjft_tf.evaluation.report import ClassFigures, class_report
from sjft_tf.evaluation.set_figures import Metrics

THRESHOLD = 0.5
"""A class is answered where its probability is above."""
_SMALLEST = float(np.finfo(np.float64).eps)


def evaluate_several_labels(probabilities: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> Metrics:
    """Computes every metric from the probabilities of sigmoids, in float64.

    Args:
        probabilities: float [N, C], finite, within [0, 1]. N at least 1.
        truth: bool [N, C], the classes that each image is of.
        class_names: C names.

    Returns:
        Figures with `mean_average_precision`, `micro_f1` and `macro_f1`. The others mean, as near to those of images
        of one class each as can be: `top1` the share of the images with labels whose most probable class is one of
        them; `mean_class_accuracy` the mean recall of the classes; `loss` the binary cross-entropy, mean over the
        classes, nats; `calibration_error` and `reliability` over all N C answers, each with the probability of what it
        says; `mean_entropy` as `selection.mean_binary_entropy`, bits. There is no confusion matrix.

    Raises:
        InputError: shapes do not fit, or a probability is not a number.
    """
    p, truth = _checked(probabilities, truth, class_names)
    report = several_labels_report(p, truth, class_names)
    answered = p > THRESHOLD
    hits = int((answered & truth).sum())
    f1 = [line.f1 for line in report]
    labeled = truth.any(axis=1)
    first = truth[np.arange(len(p)), p.argmax(axis=1)]
    recalls = tuple(line.recall for line in report)
    bins = reliability(np.maximum(p, 1 - p).ravel(), (answered == truth).ravel())
    precisions = tuple(line.average_precision for line in report)
    losses = -np.where(truth, _log(p), _log(1 - p))
    return Metrics(
        count=len(p),
        top1=float(first[labeled].mean()) if labeled.any() else 0.0,
        mean_class_accuracy=macro(recalls) or 0.0,
        loss=float(losses.mean()),
        calibration_error=expected_calibration_error(bins),
        mean_entropy=float(-(p * _log(p) + (1 - p) * _log(1 - p)).mean() / np.log(2) + 0.0),
        reliability=bins,
        class_names=tuple(map(str, class_names)),
        per_class_accuracy=recalls,
        confusion=np.zeros((0, 0), np.int64),
        per_class_roc_auc=tuple(line.roc_auc for line in report),
        per_class_average_precision=precisions,
        mean_average_precision=macro(precisions),
        micro_f1=2 * hits / max(1, int(answered.sum() + truth.sum())),
        macro_f1=macro(f1) or 0.0,
    )


def several_labels_report(
    probabilities: np.ndarray, truth: np.ndarray, class_names: Sequence[str]
) -> list[ClassFigures]:
    """The figures of each class, in label order; what a class is taken for is not known here.

    Args:
        probabilities: float [N, C].
        truth: bool [N, C].
        class_names: C names.
    """
    p, truth = _checked(probabilities, truth, class_names)
    bits = -(p * _log(p) + (1 - p) * _log(1 - p)) / np.log(2) + 0.0
    report = []
    for c, name in enumerate(class_names):
        own, answered, ranking = truth[:, c], p[:, c] > THRESHOLD, Ranking.of(p[:, c], truth[:, c])
        images, taken, hits = int(own.sum()), int(answered.sum()), int((own & answered).sum())
        mean = float(bits[own, c].mean()) if images else None
        report.append(ClassFigures.of(str(name), (images, taken, hits), mean, ("", 0), ranking))
    return report


def _log(p: np.ndarray) -> np.ndarray:
    return np.log(np.clip(p, _SMALLEST, 1.0))


def _checked(probabilities: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    p, truth = np.asarray(probabilities, np.float64), np.asarray(truth, bool)
    if p.ndim != 2 or not p.size or p.shape != truth.shape or p.shape[1] != len(class_names):
        raise InputError(
            "`probabilities` and `labels` must both be [N, C], with a name for each of C classes. "
            f"Received: {p.shape}, {truth.shape}, {len(class_names)} names"
        )
    if not (np.isfinite(p).all() and p.min() >= 0.0 and p.max() <= 1.0 + 1e-4):
        raise InputError(
            "`probabilities` must lie within [0, 1]; a model that gives NaN has diverged (try a lower learning rate). "
            f"Received: {p.min()} to {p.max()}"
        )
    return p, truth


def evaluate_answers(probabilities: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> Metrics:
    """`evaluate_probabilities` of images with one label each, truth int [N]; of bool [N, C] those of several."""
    how = evaluate_several_labels if np.ndim(truth) == 2 else evaluate_probabilities
    return how(probabilities, truth, class_names)


def report_answers(probabilities: np.ndarray, truth: np.ndarray, class_names: Sequence[str]) -> list[ClassFigures]:
    """The figures of each class, likewise."""
    how = several_labels_report if np.ndim(truth) == 2 else class_report
    return how(probabilities, truth, class_names)
