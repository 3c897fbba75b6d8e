"""The figures of one model on one labeled image set, and their form in metrics.json. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation.calibration import ReliabilityBin
from sjft_tf.evaluation.ranking import macro


@dataclass(frozen=True)
class SetFigures:
    """What is told of one image set wherever there is little room: at the end of a run, of a round, in an export.

    Attributes:
        count: the number of images, N.
        top1: the share of images whose most probable class is the true one.
        mean_class_accuracy: the mean of the classes' accuracies over the classes that have images. Every class
            counts the same, however many images it has: the figure of the paper's tables (section 4).
        loss: mean cross entropy in nats, probabilities clipped below at 2.2e-16.
        calibration_error: expected calibration error, from 0 to 1 (see `calibration`).
        mean_average_precision, micro_f1, macro_f1: of images that may have several labels, and None of others, see
            `several_labels`, which also says what the figures above mean then. The first is None where no class has
            images and others.
    """

    FORM: ClassVar[dict[str, Any]] = {
        "count": int,
        "top1": float,
        "mean_class_accuracy": float,
        "loss": float,
        "calibration_error": float,
        "mean_average_precision?": float,
        "micro_f1?": float,
        "macro_f1?": float,
    }

    count: int
    top1: float
    mean_class_accuracy: float
    loss: float
    calibration_error: float
    mean_average_precision: float | None = field(default=None, kw_only=True)
    micro_f1: float | None = field(default=None, kw_only=True)
    macro_f1: float | None = field(default=None, kw_only=True)

    @property
    def several_labels(self) -> bool:
        """Whether images may have several labels."""
        return self.micro_f1 is not None

    @property
    def score(self) -> float | None:
        """What a model is judged by first: mean class accuracy, of several labels the mean average precision."""
        return self.mean_average_precision if self.several_labels else self.mean_class_accuracy

    @property
    def score_name(self) -> str:
        """That in words."""
        return "mean average precision" if self.several_labels else "mean class accuracy"

    @property
    def headline(self) -> SetFigures:
        """These figures alone."""
        return SetFigures(**{name: getattr(self, name) for name in _NAMES})

    def to_json(self) -> dict[str, Any]:
        """A dict of plain Python values, free of NaN, for `artifacts.write_json` or `json.dumps`."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SetFigures:
        """What `to_json` made; `value` is of the form `FORM`."""
        return cls(**_figures(value))


_NAMES = tuple(name.removesuffix("?") for name in SetFigures.FORM)


_NO_CONFUSION = np.zeros((0, 0), np.int64)


def _figures(value: Mapping[str, Any]) -> dict[str, Any]:
    """Of an object of the form `SetFigures.FORM` the figures; those that may be missing and are, None."""
    return {name: value.get(name) for name in _NAMES}


@dataclass(frozen=True)
class Metrics(SetFigures):
    """All figures of one model on one image set.

    Attributes:
        mean_entropy: of the predictions, nats.
        reliability: confidence against accuracy, bin by bin.
        class_names: C names, in label order.
        per_class_accuracy: for every class the share of its images that were recognized (recall); None for a
            class without images.
        confusion: int64 [C, C]; row: true class, column: predicted class. [0, 0] of images with several labels.
        per_class_roc_auc: for every class the area under the ROC curve of its probability, the class against the rest
            (see `ranking.Ranking`); None where there are no images of the class, or of others. Empty in figures that
            were written before there was this one.
        per_class_average_precision: likewise, the average precision.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **SetFigures.FORM,
        "mean_entropy": float,
        "reliability": [
            {"low": float, "high": float, "images": int, "confidence": (float, None), "accuracy": (float, None)}
        ],
        "class_names": [str],
        "per_class_accuracy": [(float, None)],
        "confusion?": [[int]],
        "per_class_roc_auc?": [(float, None)],
        "per_class_average_precision?": [(float, None)],
    }

    mean_entropy: float
    reliability: tuple[ReliabilityBin, ...]
    class_names: tuple[str, ...]
    per_class_accuracy: tuple[float | None, ...]
    confusion: np.ndarray
    per_class_roc_auc: tuple[float | None, ...] = ()
    per_class_average_precision: tuple[float | None, ...] = ()

    @property
    def macro_roc_auc(self) -> float | None:
        """Mean over the classes that have one; None where none has."""
        return macro(self.per_class_roc_auc)

    @property
    def macro_average_precision(self) -> float | None:
        """Likewise."""
        return macro(self.per_class_average_precision)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain Python values, free of NaN; bins without images are left out."""
        return {
            **self.headline.to_json(),
            "mean_entropy": self.mean_entropy,
            "reliability": [part._asdict() for part in self.reliability if part.images],
            "class_names": list(self.class_names),
            "per_class_accuracy": list(self.per_class_accuracy),
            **({} if self.several_labels else {"confusion": self.confusion.tolist()}),
            **(self._ranked_json() if self.per_class_roc_auc else {}),
        }

    def _ranked_json(self) -> dict[str, Any]:
        return {
            "per_class_roc_auc": list(self.per_class_roc_auc),
            "per_class_average_precision": list(self.per_class_average_precision),
            "macro_roc_auc": self.macro_roc_auc,
            "macro_average_precision": self.macro_average_precision,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Metrics:
        """What `to_json` made; `value` is of the form `FORM`.

        Raises:
            InputError: the confusion matrix is no square of counts, a row for each class.
        """
        names = tuple(value["class_names"])
        return cls(
            **_figures(value),
            mean_entropy=value["mean_entropy"],
            reliability=tuple(
                ReliabilityBin(**{name: part[name] for name in ReliabilityBin._fields}) for part in value["reliability"]
            ),
            class_names=names,
            per_class_accuracy=tuple(value["per_class_accuracy"]),
            confusion=_NO_CONFUSION if "micro_f1" in value else _square(value.get("confusion", []), len(names)),
            per_class_roc_auc=tuple(value.get("per_class_roc_auc", ())),
            per_class_average_precision=tuple(value.get("per_class_average_precision", ())),
        )


def _square(rows: list[list[int]], size: int) -> np.ndarray:
    fits = len(rows) == size and all(len(row) == size for row in rows)
    try:
        matrix = np.array(rows if fits else (), np.int64).reshape(-1, size)
    except (OverflowError, ValueError):  # counts beyond every int64; no classes
        fits, matrix = False, np.zeros((0, 0), np.int64)
    if not fits or matrix.min(initial=0) < 0:
        raise InputError(f"expected `confusion` as a square of counts, a row and a column for each of {size} classes")
    return matrix
