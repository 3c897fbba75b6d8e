"""The predictions for a labeled or unlabeled set of images as a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError


def save_predictions(
    path: str | os.PathLike[str],
    ids: Sequence[str] | np.ndarray,
    class_names: Sequence[str],
    probabilities: np.ndarray,
    labels: np.ndarray | None = None,
    all_probabilities: bool = False,
) -> None:
    """Writes one line an image as CSV, atomically: `id,predicted,probability[,label][,p:CLASS...]`, classes by name.

    Args:
        path: the file to write.
        ids: N image ids.
        class_names: C names.
        probabilities: float [N, C].
        labels: integers [N], the true classes, for a fourth column; None leaves it out.
        all_probabilities: a column of the probabilities of each class, too.
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
        writer = Writer(stream)
        writer.writerow(
            ["id", "predicted", "probability"]
            + ([] if labels is None else ["label"])
            + ([f"p:{name}" for name in class_names] if all_probabilities else [])
        )
        for i, (name, best) in enumerate(zip(ids, predicted, strict=True)):
            truth = [] if labels is None else [class_names[int(labels[i])]]
            every = [f"{value:.6g}" for value in p[i]] if all_probabilities else []
            writer.writerow([str(name), class_names[best], f"{p[i, best]:.6g}", *truth, *every])
