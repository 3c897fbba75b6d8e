"""Which of some settings is the best, and which need no further trial: pure functions of what the trials gave.

The rule: of the settings whose accuracy is within a standard error of the most accurate one's, that of the lowest loss.
Accuracy is what a comparison reports, but on few images it hardly tells settings apart; the loss tells more, but alone
it would prefer what has learned less where longer training only makes a model sure of itself.
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
class Contest:
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


def contest(points: Sequence[Point], trials: Trials, judges: int) -> Contest:
    """Successive elimination: all points have a first trial, those not clearly worse than the best a second, and so on.

    It ends when a single one is left, or all that are left have had every judge. The order in which trials were made
    does not matter.

    Args:
        points: each once.
        trials: of all that were tried so far; other points do not count.
        judges: most trials of a point.
    """
    left, dropped = list(points), dict[Point, int]()
    for number in range(1, judges + 1):
        missing = [point for point in left if len(trials.get(point, ())) < number and not _failed(point, trials)]
        if missing:
            return Contest(tuple(missing), tuple(left), dropped, None)
        good = {point: whole for point in left if (whole := _whole(trials[point][:number])) is not None}
        left = list(good)
        if not left:
            break
        best = best_point(good)
        worse = {point for point in left if clearly_worse(good[point], good[best])}
        dropped |= dict.fromkeys(worse, number)
        left = [point for point in left if point not in worse]
        if len(left) == 1 or number == judges:
            return Contest((), tuple(left), dropped, best)
    return Contest((), (), dropped, None)


def best_point(good: Mapping[Point, Sequence[Outcomes]]) -> Point:
    """The best of points with as many trials each, at least one point.

    Of equal ones the one of the lower rate, then of the lower weight.
    """
    figures = {point: standing(trials) for point, trials in good.items()}

    def order(point: Point) -> tuple[float, float]:
        return point.learning_rate, point.source_weight or 0.0

    def by_accuracy(point: Point) -> tuple[float, ...]:
        return -round(figures[point].accuracy.value, 12), round(figures[point].loss.value, 12), *order(point)

    def by_loss(point: Point) -> tuple[float, ...]:
        return round(figures[point].loss.value, 12), -round(figures[point].accuracy.value, 12), *order(point)

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


def _whole(trials: Sequence[Outcomes | None]) -> list[Outcomes] | None:
    """The trials; None where one failed."""
    worked = [trial for trial in trials if trial is not None]
    return worked if len(worked) == len(trials) else None


def _failed(point: Point, trials: Trials) -> bool:
    return None in trials.get(point, ())
