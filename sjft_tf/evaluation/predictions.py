"""The predictions for a labeled or unlabeled set of images as a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.evaluation.several_labels import THRESHOLD


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
        labels: integers [N], the true classes, for a fourth column; None leaves it out. Or bool [N, C] where images may
            have several labels: then `label` has those, `predicted` those above 0.5, with | between them, and
            `probability` is that of the most probable class.
        all_probabilities: a column of the probabilities of each class, too.
    """
    p = np.asarray(probabilities)
    sizes = {"ids": len(ids), "probabilities": len(p)} | ({} if labels is None else {"labels": len(labels)})
    if p.ndim != 2 or p.shape[1] != len(class_names) or len(set(sizes.values())) > 1:
        raise InputError(
            f"Predictions must be [N, C] for N ids and C class names. Received: {p.shape}, {len(class_names)} class "
            f"names, lengths {sizes}"
        )
    best = p.argmax(axis=1).tolist()
    with atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(
            ["id", "predicted", "probability"]
            + ([] if labels is None else ["label"])
            + ([f"p:{name}" for name in class_names] if all_probabilities else [])
        )
        for i, name in enumerate(ids):
            if labels is not None and np.ndim(labels) == 2:
                said, *truth = (joined_labels(class_names, row) for row in (p[i] > THRESHOLD, labels[i]))
            else:
                said, truth = class_names[best[i]], [] if labels is None else [class_names[int(labels[i])]]
            every = [f"{value:.6g}" for value in p[i]] if all_probabilities else []
            writer.writerow([str(name), said, f"{p[i, best[i]]:.6g}", *truth, *every])


def joined_labels(class_names: Sequence[str], chosen: np.ndarray) -> str:
    """The names of the classes that are True in bool [C], with | between them; "" for none."""
    return "|".join(class_names[c] for c in np.flatnonzero(chosen).tolist())
