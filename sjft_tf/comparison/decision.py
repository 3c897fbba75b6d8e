"""The course of a choice: what is tried next, and in the end what was chosen and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sjft_tf.comparison.choice import Choice, Point, outward
from sjft_tf.comparison.elimination import Elimination, Trials, best_point, eliminate, is_clear, worked
from sjft_tf.comparison.judging import Standing, difference, standing


@dataclass(frozen=True)
class Tried:
    """A setting that was tried.

    Attributes:
        point: the setting.
        trials: that worked.
        standing: over them; None where a trial failed.
        dropped: the number of trials after which it was clearly worse than the best; None if it never was.
    """

    point: Point
    trials: int
    standing: Standing | None
    dropped: int | None


@dataclass(frozen=True)
class Decision:
    """What was chosen.

    Attributes:
        chosen: the best point; None where all failed.
        tried: all points, in order.
        further: rates that were tried because the best so far was the lowest or highest.
        edge: whether the chosen rate is still the lowest or highest of several.
        second: the best of the others; None without one.
        ahead: accuracy and loss of the chosen less those of the second, over the trials both have.
        clear: whether that is more than two standard errors of accuracy or loss; of a single point it is.
    """

    chosen: Point | None
    tried: tuple[Tried, ...]
    further: tuple[float, ...] = ()
    edge: bool = False
    second: Point | None = None
    ahead: Standing | None = None
    clear: bool = True


@dataclass(frozen=True)
class Search:
    """How far a choice is.

    Attributes:
        missing: points that need one more trial each.
        further: rates added so far.
        decision: None as long as trials are missing.
    """

    missing: tuple[Point, ...]
    further: tuple[float, ...]
    decision: Decision | None = None


def search(choice: Choice, trials: Trials, judges: int) -> Search:
    """What is to be tried next, or what is chosen: follows from the trials alone, in whatever order they were made.

    Args:
        choice: what there is to try.
        trials: of each point tried so far.
        judges: most trials of a point.
    """
    further: tuple[float, ...] = ()
    while True:
        rates = (*choice.rates, *further)
        first = eliminate(choice.first(rates), trials, judges)
        if first.missing:
            return Search(first.missing, further)
        beyond = outward(rates, first.best.learning_rate) if first.best is not None else None
        if beyond is None or len(further) >= choice.steps:
            break
        further = (*further, beyond)
    points = choice.first(rates) + (choice.along(first.best) if first.best is not None else [])
    # Also what was tried on behalf of one that failed later.
    points = list(dict.fromkeys([*points, *sorted(trials, key=lambda point: point.order)]))
    last = eliminate(points, trials, judges)
    if last.missing:
        return Search(last.missing, further)
    return Search((), further, _decision(points, trials, last, further, rates))


def _decision(
    points: Sequence[Point], trials: Trials, last: Elimination, further: tuple[float, ...], rates: Sequence[float]
) -> Decision:
    tried = _tried(points, trials, last)
    if last.best is None:
        return Decision(None, tried, further)
    edge = outward(rates, last.best.learning_rate) is not None
    second = _second(trials, last)
    if second is None:
        return Decision(last.best, tried, further, edge)
    best, other = worked(last.best, trials), worked(second, trials)
    return Decision(last.best, tried, further, edge, second, difference(best, other), is_clear(best, other))


def _second(trials: Trials, last: Elimination) -> Point | None:
    """The best of what is left beside the best."""
    good = {point: worked(point, trials) for point in last.left if point != last.best}
    shortest = min(map(len, good.values()), default=0)
    return best_point({point: each[:shortest] for point, each in good.items()}) if good else None


def _tried(points: Sequence[Point], trials: Trials, last: Elimination) -> tuple[Tried, ...]:
    told = []
    for point in points:
        own = worked(point, trials)
        failed = len(own) < len(trials[point])
        told.append(Tried(point, len(own), None if failed else standing(own), last.dropped.get(point)))
    return tuple(told)
