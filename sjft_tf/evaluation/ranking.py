"""How well a class's probability tells its images from all others: ROC AUC and average precision. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Ranking(NamedTuple):
    """The images of a set ranked by the probability of one class, this class against the rest.

    Attributes:
        hits: int64 [T], for each of the T different probabilities, the highest first, how many images of the class have
            it or a higher one.
        false_alarms: int64 [T], likewise of images of other classes.
    """

    hits: np.ndarray
    false_alarms: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, positive: np.ndarray) -> Ranking:
        """Counts.

        Args:
            probabilities: float [N], of the class. Equal ones are one threshold: no order among them is made up.
            positive: bool [N], whether the image is of the class.

        Example:
            >>> ranking = Ranking.of(np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False]))
            >>> ranking.hits.tolist(), ranking.false_alarms.tolist()
            ([1, 2, 2], [0, 1, 2])
            >>> ranking.roc_auc, round(ranking.average_precision, 4)
            (0.875, 0.8333)
        """
        order = np.argsort(-probabilities, kind="stable")
        ranked, hits = probabilities[order], np.cumsum(positive[order], dtype=np.int64)
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))[: len(ranked)]
        return cls(hits[last], last + 1 - hits[last])

    @property
    def roc_auc(self) -> float | None:
        """Area under the ROC curve: how often an image of the class has more than one of another, equal ones half.

        That is the statistic of Mann and Whitney (1947) as a share; 0.5 tells nothing. None without images of the
        class or of others.
        """
        if self._one_sided:
            return None
        hits, false_alarms = (np.append(0, counts) for counts in self)
        # Twice the area, in whole numbers: trapezoids between the points of the curve.
        doubled = int((np.diff(false_alarms) * (hits[1:] + hits[:-1])).sum())
        return doubled / (2 * int(hits[-1]) * int(false_alarms[-1]))

    @property
    def average_precision(self) -> float | None:
        """Mean over the images of the class of the precision at each one's own probability; None as `roc_auc`.

        `sum_t (R_t - R_{t-1}) P_t` of recall R and precision P, not interpolated. Its value by chance is the class's
        share of the images.
        """
        if self._one_sided:
            return None
        precision = self.hits / (self.hits + self.false_alarms)
        return float((np.diff(self.hits, prepend=0) * precision).sum() / self.hits[-1])

    @property
    def _one_sided(self) -> bool:
        return not len(self.hits) or 0 in (self.hits[-1], self.false_alarms[-1])


def rankings(probabilities: np.ndarray, labels: np.ndarray) -> list[Ranking]:
    """Of each class the images ranked by its probability.

    Args:
        probabilities: float [N, C].
        labels: integers [N], each in 0..C-1.
    """
    return [Ranking.of(column, labels == number) for number, column in enumerate(np.asarray(probabilities).T)]


def macro(figures: Sequence[float | None]) -> float | None:
    """The mean of a figure over the classes that have it, each counting the same; None where none has."""
    known = [figure for figure in figures if figure is not None]
    return float(np.mean(known)) if known else None
