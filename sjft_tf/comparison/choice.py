"""Which learning rate and source weight an arm gets: tried on validation images, never on test images."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from sjft_tf.errors import InputError

KINDS = ("coordinate", "grid")


class Point(NamedTuple):
    """Settings that are tried: the rate, and for arms that borrow the source's weight."""

    learning_rate: float
    source_weight: float | None = None


class Score(NamedTuple):
    """What one trial reached on its validation images: mean class accuracy in 0..1, loss in nats."""

    accuracy: float
    loss: float


@dataclass(frozen=True)
class Choice:
    """What is tried.

    Attributes:
        rates: learning rates, each once.
        weights: weights of the source's loss; empty for an arm without a source.
        kind: "grid" tries all pairs; "coordinate" all rates at the first weight, then the other weights at the best.
    """

    rates: tuple[float, ...]
    weights: tuple[float, ...] = ()
    kind: str = "coordinate"

    def __post_init__(self) -> None:
        for flag, values, least in (("--rates", self.rates, 1), ("--source_weights", self.weights, 0)):
            if len(values) < least or len(set(values)) < len(values) or any(not value > 0 for value in values):
                given = ", ".join(f"{value:g}" for value in values) or "none"
                raise InputError(f"{flag} must be different numbers above 0, at least one. Received: {given}")
        if self.kind not in KINDS:
            raise InputError(f"--choice must be one of {', '.join(KINDS)}. Received: {self.kind!r}")

    def points(self) -> list[Point]:
        """All that may be tried, in order."""
        return [Point(rate, weight) for weight, rate in product(self.weights or (None,), self.rates)]


def next_points(choice: Choice, scores: Mapping[Point, Sequence[Score] | None]) -> list[Point]:
    """What is to be tried next; nothing when `best_point` can say.

    Args:
        choice: what there is to try.
        scores: of each point tried so far; None where a trial failed.
    """
    first = [point for point in choice.points() if choice.kind == "grid" or point.source_weight in choice.weights[:1]]
    if not choice.weights:
        first = choice.points()
    if missing := [point for point in first if point not in scores]:
        return missing
    best = best_point({point: scores[point] for point in first})
    if best is None:
        return []
    along = [Point(best.learning_rate, weight) for weight in choice.weights]
    return [point for point in along if point not in scores]


def best_point(scores: Mapping[Point, Sequence[Score] | None]) -> Point | None:
    """The point of the highest mean accuracy; of equal ones that of the lower mean loss, then the one tried first.

    Returns:
        None where every point failed.
    """
    best, reached = None, (-1.0, 0.0)
    for point, trials in scores.items():
        if not trials:
            continue
        # Rounded, because the same accuracies summed in another order must tie.
        accuracy = round(statistics.fmean(score.accuracy for score in trials), 12)
        value = (accuracy, -statistics.fmean(score.loss for score in trials))
        if best is None or value > reached:
            best, reached = point, value
    return best
