"""Scoring image sets: pixels in, probabilities of the target classes out."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.evaluation.metrics import Metrics, evaluate_probabilities
from sjft_tf.models import Scorer, View


def predict_probabilities(
    model: keras.Model,
    image_set: Any,
    view: View,
    rows: np.ndarray | None = None,
    batch_size: int = 128,
    description: str = "Scoring",
) -> np.ndarray:
    """Scores an image set once; float32 [M, C] in the order of `rows`. See `Scorer`, cheaper if called again."""
    return Scorer(model, view, batch_size)(image_set, rows, description)


def evaluate(
    model: keras.Model | Scorer,
    image_set: Any,
    view: View | None = None,
    rows: np.ndarray | None = None,
    batch_size: int = 128,
    description: str = "Evaluating",
) -> tuple[Metrics, np.ndarray]:
    """Scores a labeled image set and measures the result.

    Args:
        model: the joint model, or a `Scorer` of it (then `view` and `batch_size` are the scorer's).
        image_set: an `images.ImageSet` whose class names are the model's target classes, in order.
        view: `images.View`; required with a model.
        rows: int32 [M] positions in it; None for all.
        batch_size: images a forward pass.
        description: the words before the progress bar.

    Returns:
        `(metrics, probabilities float32 [M, C])`.

    Raises:
        InputError: if there are no images, or the classes of model and image set do not fit.
    """
    if isinstance(model, Scorer):
        scorer = model
    elif view is None:
        raise InputError("`view` must be given with a model. Received: view=None")
    else:
        scorer = Scorer(model, view, batch_size)
    if len(image_set.class_names) != scorer.num_classes:
        raise InputError(
            f"The model knows {scorer.num_classes} target classes, image set {image_set.name!r} has "
            f"{len(image_set.class_names)}. Evaluate on a set with the classes the model was trained for."
        )
    labels = np.asarray(image_set.labels) if rows is None else np.asarray(image_set.labels)[rows]
    if not len(labels):
        raise InputError(f"There is no image to evaluate on in {image_set.name!r}.")
    probabilities = scorer(image_set, rows, description)
    return evaluate_probabilities(probabilities, labels, image_set.class_names), probabilities


def save_predictions(
    path: str | os.PathLike[str],
    ids: Sequence[str] | np.ndarray,
    class_names: Sequence[str],
    probabilities: np.ndarray,
    labels: np.ndarray | None = None,
) -> None:
    """Writes one line an image as CSV, atomically: `id,predicted,probability[,label]`, classes by name.

    Args:
        path: the file to write.
        ids: N image ids.
        class_names: C names.
        probabilities: float [N, C].
        labels: integers [N], the true classes, for a fourth column; None leaves it out.
    """
    p = np.asarray(probabilities)
    sizes = {"ids": len(ids), "probabilities": len(p)} | ({} if labels is None else {"labels": len(labels)})
    if p.ndim != 2 or p.shape[1] != len(class_names) or len(set(sizes.values())) > 1:
        raise InputError(
            f"Predictions must be [N, C] for N ids and C class names. Received: {p.shape}, {len(class_names)} class "
            f"names, lengths {sizes}"
        )
    predicted = p.argmax(axis=1)
    with atomic_write(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "predicted", "probability"] + ([] if labels is None else ["label"]))
        for i, (name, best) in enumerate(zip(ids, predicted, strict=True)):
            truth = [] if labels is None else [class_names[int(labels[i])]]
            writer.writerow([str(name), class_names[best], f"{p[i, best]:.6g}", *truth])
