"""Which of some settings is the best, and which need no further trial: pure functions of what the trials gave.

The rule: of the settings whose accuracy is within a standard error of the most accurate one's, that of the lowest loss.
Accuracy is what a comparison reports, but on few images it hardly tells settings apart; the loss tells more, but alone
it may prefer what has learned less, where longer training makes a model no better but surer of itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sjft_tf.comparison.choice import Point
from sjft_tf.comparison.judging import Standing, difference, standing
from sjft_tf.evaluation import Outcomes

CLOSE = 1.0
"""Standard errors within which accuracies do not decide."""
CLEARLY = 3.0
"""Standard errors by which a setting is clearly worse. A first trial does not show how much trainings differ, so more
than the usual two."""
FEW = 20
"""Judging images below which a standard error is no ground to drop a setting."""

Trials = Mapping[Point, Sequence[Outcomes | None]]
"""Of each point what its trials gave, in the order of the judges; None for one that failed, and none after that."""


@dataclass(frozen=True)
class Elimination:
    """How settings stand.

    Attributes:
        missing: those that need one more trial each; empty when it is decided.
        left: those still in it.
        dropped: the number of trials after which one was clearly worse than the best.
        best: None as long as trials are missing, and where all failed.
    """

    missing: tuple[Point, ...]
    left: tuple[Point, ...]
    dropped: Mapping[Point, int]
    best: Point | None


def eliminate(points: Sequence[Point], trials: Trials, judges: int) -> Elimination:
    """Successive elimination: all points have a first trial, those not clearly worse than the best a second, and so on.

    The best and the second best have every judge, for a single training would not show how much trainings differ. The
    order in which trials were made does not matter.

    Args:
        points: each once.
        trials: of all that were tried so far; other points do not count.
        judges: most trials of a point.
    """
    # One that failed has no part in it from the start: what was dropped because of it is in again.
    left = [point for point in points if None not in trials.get(point, ())]
    dropped: dict[Point, int] = {}
    for number in range(1, judges + 1):
        missing = [point for point in left if len(trials.get(point, ())) < number]
        if missing or not left:
            return Elimination(tuple(missing), tuple(left), dropped, None)
        good = {point: worked(point, trials)[:number] for point in left}
        best = best_point(good)
        if len(left) == 1 or number == judges:
            return Elimination((), tuple(left), dropped, best)
        second = best_point({point: own for point, own in good.items() if point != best})
        worse = {point for point in left if point != second and clearly_worse(good[point], good[best])}
        dropped |= dict.fromkeys(worse, number)
        left = [point for point in left if point not in worse]
    raise ValueError(f"There must be a judge. Received: judges={judges}")


def best_point(good: Mapping[Point, Sequence[Outcomes]]) -> Point:
    """The best of points with as many trials each, at least one point.

    Of equal ones the one of the lower rate, then of the lower weight.
    """
    figures = {point: standing(trials) for point, trials in good.items()}

    def by_accuracy(point: Point) -> tuple[float, ...]:
        return -round(figures[point].accuracy.value, 12), round(figures[point].loss.value, 12), *point.order

    def by_loss(point: Point) -> tuple[float, ...]:
        return round(figures[point].loss.value, 12), -round(figures[point].accuracy.value, 12), *point.order

    top = min(good, key=by_accuracy)
    close = [point for point in good if not difference(good[top], good[point]).accuracy.above(CLOSE)]
    return min(close, key=by_loss)


def clearly_worse(trials: Sequence[Outcomes], than: Sequence[Outcomes]) -> bool:
    """Whether a setting is much less accurate than the best one, or not more accurate and of much higher loss."""
    if sum(len(one.labels) for one, _ in zip(trials, than, strict=False)) < FEW:
        return False
    behind = difference(than, trials)
    return behind.accuracy.above(CLEARLY) or (behind.accuracy.value >= 0 and _minus(behind).loss.above(CLEARLY))


def is_clear(best: Sequence[Outcomes], second: Sequence[Outcomes]) -> bool:
    """Whether the best setting is ahead of the second one by two standard errors, in accuracy or in loss."""
    ahead = difference(best, second)
    return ahead.accuracy.above(2.0) or _minus(ahead).loss.above(2.0)


def _minus(one: Standing) -> Standing:
    return Standing(*(each._replace(value=-each.value) for each in one))


def worked(point: Point, trials: Trials) -> list[Outcomes]:
    """A point's trials that did not fail."""
    return [trial for trial in trials.get(point, ()) if trial is not None]
