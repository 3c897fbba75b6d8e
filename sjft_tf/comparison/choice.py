"""Which learning rates and source weights are tried for an arm: on validation images, never on test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from sjft_tf.errors import InputError

KINDS = ("coordinate", "grid")


class Point(NamedTuple):
    """Settings that are tried: the rate, and for arms that borrow the source's weight."""

    learning_rate: float
    source_weight: float | None = None

    @property
    def order(self) -> tuple[float, float]:
        """What points are sorted by: the lower rate first, then the lower weight."""
        return self.learning_rate, self.source_weight or 0.0


@dataclass(frozen=True)
class Choice:
    """What is tried.

    Attributes:
        rates: learning rates, each once.
        weights: weights of the source's loss; empty for an arm without a source.
        kind: "grid" tries all pairs; "coordinate" all rates at the first weight, then the other weights at the best.
        steps: further rates at most, one at a time, as long as the best one is the lowest or the highest.
    """

    rates: tuple[float, ...]
    weights: tuple[float, ...] = ()
    kind: str = "coordinate"
    steps: int = 0

    def __post_init__(self) -> None:
        for flag, values, least in (("--rates", self.rates, 1), ("--source_weights", self.weights, 0)):
            if len(values) < least or len(set(values)) < len(values) or any(not value > 0 for value in values):
                given = ", ".join(f"{value:g}" for value in values) or "none"
                raise InputError(f"{flag} must be different numbers above 0, at least one. Received: {given}")
        if self.kind not in KINDS:
            raise InputError(f"--choice must be one of {', '.join(KINDS)}. Received: {self.kind!r}")
        if self.steps < 0:
            raise InputError(f"--choice_steps must be 0 or more. Received: {self.steps}")

    def points(self) -> list[Point]:
        """All that may be tried, in order, without further rates."""
        return [Point(rate, weight) for weight, rate in product(self.weights or (None,), self.rates)]

    def first(self, rates: Sequence[float]) -> list[Point]:
        """What is tried at first with these rates."""
        weights = self.weights if self.kind == "grid" else self.weights[:1]
        return [Point(rate, weight) for weight, rate in product(weights or (None,), rates)]

    def along(self, best: Point) -> list[Point]:
        """What is tried when the best rate is known: it with every weight."""
        return [Point(best.learning_rate, weight) for weight in self.weights]

    @property
    def most(self) -> int:
        """Points tried at most."""
        further = self.steps if len(self.rates) > 1 else 0
        if self.kind == "grid":
            return (len(self.rates) + further) * max(1, len(self.weights))
        return len(self.rates) + further + max(0, len(self.weights) - 1)


def outward(rates: Sequence[float], best: float) -> float | None:
    """The rate a step beyond the best one, if that is the lowest or the highest of several; else None.

    The step is that between it and its neighbor; the result has one digit where that is about as far.
    """
    ordered = sorted(rates)
    if len(ordered) < 2 or best not in (ordered[0], ordered[-1]):
        return None
    ratio = ordered[0] / ordered[1] if best == ordered[0] else ordered[-1] / ordered[-2]
    exact = best * ratio
    rounded = float(f"{exact:.0e}")
    near = abs(math.log(rounded / exact)) < abs(math.log(ratio)) / 4
    return rounded if near else float(f"{exact:.3g}")
