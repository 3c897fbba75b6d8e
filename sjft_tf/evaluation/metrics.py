"""What a set of predictions is worth: accuracy, loss, calibration, confusion, ranking. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation.calibration import expected_calibration_error, reliability
from sjft_tf.evaluation.ranking import rankings
from sjft_tf.evaluation.set_figures import Metrics

# The smallest probability the loss takes the logarithm of. A float32 softmax underflows to exactly 0, whose
# logarithm would make one confident mistake the loss of the whole set; -log of this is 36.04 nats.
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts how often each true class was taken for each class.

    Args:
        labels: [N] integers, the true classes, each in 0..num_classes-1.
        predictions: [N] integers, the predicted classes, likewise.
        num_classes: C, at least 1.

    Returns:
        int64 [C, C]; row: true class, column: predicted class. Sums to N.

    Raises:
        InputError: if the shapes differ or a class is out of range.
    """
    if num_classes < 1:
        raise InputError(f"`num_classes` must be at least 1. Received: num_classes={num_classes}")
    labels = _checked_classes("labels", labels, num_classes)
    predictions = _checked_classes("predictions", predictions, num_classes)
    if labels.shape != predictions.shape:
        raise InputError(
            "`labels` and `predictions` must name one class for each image. "
            f"Received: {len(labels)} labels, {len(predictions)} predictions"
        )
    cells = np.bincount(labels * num_classes + predictions, minlength=num_classes * num_classes)
    return cells.reshape(num_classes, num_classes).astype(np.int64)


def evaluate_probabilities(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Metrics:
    """Computes every metric from predicted probabilities, in float64.

    The prediction is the most probable class; of equally probable ones, the first.

    Args:
        probabilities: float [N, C], finite, within [0, 1]. N at least 1.
        labels: integers [N], the true classes, each in 0..C-1.
        class_names: C names, in label order.

    Raises:
        InputError: if shapes do not fit, a label is out of range or a probability is not a number.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.shape[0] < 1 or p.shape[1] < 1:
        raise InputError(f"`probabilities` must have shape [N, C] with N and C at least 1. Received: {p.shape}")
    count, num_classes = p.shape
    if len(class_names) != num_classes:
        raise InputError(
            f"`class_names` must hold one name for each of the {num_classes} columns of `probabilities`. "
            f"Received: {len(class_names)} names"
        )
    labels = _checked_classes("labels", labels, num_classes)
    if len(labels) != count:
        raise InputError(
            f"`labels` must hold one class for each of the {count} rows of `probabilities`. Received: {len(labels)}"
        )
    # 1e-4: what a softmax in a short float type may overshoot by.
    if not (np.isfinite(p).all() and p.min() >= 0.0 and p.max() <= 1.0 + 1e-4):
        bad = int(np.flatnonzero(~(np.isfinite(p) & (p >= 0.0) & (p <= 1.0 + 1e-4)).all(axis=1))[0])
        raise InputError(
            "`probabilities` must lie within [0, 1]; a model that gives NaN has diverged (try a lower learning rate). "
            f"Received: {p[bad]} for image {bad}"
        )
    confusion = confusion_matrix(labels, p.argmax(axis=1), num_classes)
    images, hits = confusion.sum(axis=1), confusion.diagonal()
    present = images > 0
    bins = reliability(p.max(axis=1), p.argmax(axis=1) == labels)
    ranked = rankings(p, labels)
    loss = -np.log(np.clip(p[np.arange(count), labels], SMALLEST_PROBABILITY, 1.0)).mean()
    return Metrics(
        count=count,
        top1=float(hits.sum() / count),
        mean_class_accuracy=float((hits[present] / images[present]).mean()),
        loss=float(loss + 0.0),  # -log(1) is -0.0; nobody wants to read that
        calibration_error=expected_calibration_error(bins),
        mean_entropy=float(entropies(p).mean()),
        reliability=bins,
        class_names=tuple(map(str, class_names)),
        per_class_accuracy=tuple(float(h / n) if n else None for h, n in zip(hits, images, strict=True)),
        confusion=confusion,
        per_class_roc_auc=tuple(ranking.roc_auc for ranking in ranked),
        per_class_average_precision=tuple(ranking.average_precision for ranking in ranked),
    )


def entropies(probabilities: np.ndarray) -> np.ndarray:
    """Shannon entropy `-sum_c p_c log p_c` in nats of each row, float64 [N], with 0 log 0 = 0."""
    p = np.asarray(probabilities, np.float64)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1) + 0.0


def _checked_classes(name: str, classes: np.ndarray, num_classes: int) -> np.ndarray:
    classes = np.asarray(classes)
    if classes.ndim != 1 or (classes.size and classes.dtype.kind not in "iu"):
        raise InputError(f"`{name}` must be integers of shape [N]. Received: {classes.dtype} of shape {classes.shape}")
    if classes.size and not (classes.min() >= 0 and classes.max() < num_classes):
        raise InputError(f"`{name}` must lie in 0..{num_classes - 1}. Received: {classes.min()} to {classes.max()}")
    return classes.astype(np.int64)
