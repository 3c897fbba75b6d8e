"""The figures of every class: what it is recognized by, and what it is taken for. NumPy only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.csv_files import Writer
from sjft_tf.evaluation.metrics import confusion_matrix, entropies
from sjft_tf.evaluation.ranking import Ranking, rankings


@dataclass(frozen=True)
class ClassFigures:
    """One class. Figures that would divide by nothing are None.

    Attributes:
        name: of the class.
        images: of this class, its support.
        recall: the share of them that were recognized; also called the class's accuracy.
        precision: the share of the images taken for this class that are of it.
        f1: harmonic mean of the two, `2 hits / (images + taken for it)`; 0 where images came but none was recognized.
        mean_entropy: of the predictions for its images, nats.
        confused_with: the other class that its images were most often taken for, of equal ones the first; "" if none.
        confused: how many.
        roc_auc: area under the ROC curve of its probability, this class against the rest.
        average_precision: of its probability, likewise.
    """

    name: str
    images: int
    recall: float | None
    precision: float | None
    f1: float | None
    mean_entropy: float | None
    confused_with: str
    confused: int
    roc_auc: float | None = None
    average_precision: float | None = None

    @classmethod
    def of(
        cls, name: str, counts: tuple[int, int, int], entropy: float | None, mistaken: tuple[str, int], ranking: Ranking
    ) -> ClassFigures:
        """One class, from its counts.

        Args:
            name: of the class.
            counts: images of it, images taken for it, and those that are both.
            entropy: mean of its images; None without any.
            mistaken: the class its images were most often taken for, and how many.
            ranking: all images by its probability.
        """
        images, taken, hits = counts
        return cls(
            name=name,
            images=images,
            recall=hits / images if images else None,
            precision=hits / taken if taken else None,
            f1=2 * hits / (images + taken) if images + taken else None,
            mean_entropy=entropy,
            confused_with=mistaken[0],
            confused=mistaken[1],
            roc_auc=ranking.roc_auc,
            average_precision=ranking.average_precision,
        )


def class_report(probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> list[ClassFigures]:
    """The figures of each class, in label order, in float64.

    Args:
        probabilities: float [N, C].
        labels: integers [N], each in 0..C-1.
        class_names: C names.
    """
    p = np.asarray(probabilities, np.float64)
    labels = np.asarray(labels)
    confusion = confusion_matrix(labels, p.argmax(axis=1), len(class_names))
    spread, ranked = entropies(p), rankings(p, labels)
    report = []
    for c, name in enumerate(class_names):
        images, hits, taken = int(confusion[c].sum()), int(confusion[c, c]), int(confusion[:, c].sum())
        others = confusion[c].copy()
        others[c] = 0
        most = int(others.argmax())
        mean = float(spread[labels == c].mean()) if images else None
        mistaken = (str(class_names[most]) if others[most] else "", int(others[most]))
        report.append(ClassFigures.of(str(name), (images, taken, hits), mean, mistaken, ranked[c]))
    return report


def save_report(path: str | os.PathLike[str], report: Sequence[ClassFigures]) -> None:
    """Writes the report as CSV, atomically: one line a class, weakest recall first, classes without images last."""
    with atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["class", *[field.name for field in fields(ClassFigures)][1:]])
        for line in weakest_first(report):
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else "" if v is None else v for v in astuple(line)])


def weakest_first(report: Sequence[ClassFigures]) -> list[ClassFigures]:
    """By recall, then by F1; equal ones as they come, classes without images last."""
    return sorted(report, key=lambda line: (line.recall is None, line.recall or 0.0, line.f1 or 0.0))


def weakest(report: Sequence[ClassFigures], count: int = 5) -> str:
    """The classes with the lowest recall in words, those of which something was missed; "" if there are none."""
    missed = [line for line in weakest_first(report) if line.recall is not None and line.recall < 1][:count]
    return ", ".join(
        f"{line.name} {line.recall:.0%} of {line.images}"
        + (f" (taken for {line.confused_with})" if line.confused_with else "")
        for line in missed
    )
