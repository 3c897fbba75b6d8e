"""Figures of benchmarks before and now: what moved, and which way. Nothing here runs or reads anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

WORSE_BY = 0.15
"""A median that is worse by more than this share counts, though the repeats overlap."""


class Figure(NamedTuple):
    """One figure: median, smallest and largest ratio of the repeats, and the median ratio of processor times."""

    name: str
    ratio: float
    low: float
    high: float
    processor: float | None = None
    unit: str = ""


class Goal(NamedTuple):
    """What is asked of a ratio, which also says which way is worse; `older` on the stack with Keras 2."""

    most: float | None = None
    least: float | None = None
    older: float | None = None

    def shown(self, stack: str) -> str:
        """As "at most 1.2"."""
        asked = self.least if self.most is None else self.most
        if stack == "addons" and self.older is not None:
            asked = self.older
        return "" if asked in (0, math.inf) else f"at {'least' if self.most is None else 'most'} {asked:g}"


LOWER, HIGHER = Goal(most=math.inf), Goal(least=0)
"""Nothing is asked, but one way is the better one."""


def verdict(before: Figure, now: Figure, goal: Goal | None) -> str:
    """ "better", "worse", "moved" where no way is the better one, or "" where nothing is to be said.

    It moved when the repeats of both, from the smallest to the largest, do not overlap (a single number has no such
    interval), or when the median is worse by more than `WORSE_BY`. A figure with a unit depends on the machine's
    speed and is never judged.
    """
    if now.unit:
        return ""
    repeated = before.low < before.high and now.low < now.high
    apart = repeated and (now.low > before.high or now.high < before.low)
    if goal is None:
        return "moved" if apart else ""
    higher_is_worse = goal.most is not None
    if higher_is_worse:
        beyond = now.ratio > before.ratio * (1 + WORSE_BY)
    else:
        beyond = now.ratio < before.ratio * (1 - WORSE_BY)
    if beyond or (apart and (now.ratio > before.ratio) == higher_is_worse):
        return "worse"
    return "better" if apart else ""


class Line(NamedTuple):
    """One figure of one benchmark; a side is None where it was not measured."""

    name: str
    before: Figure | None
    now: Figure | None
    moved: str
    asked: str


def compare(
    before: Mapping[str, Iterable[Figure]],
    now: Mapping[str, Iterable[Figure]],
    goals: Mapping[str, Mapping[str, Goal]],
    stack: str = "current",
) -> list[Line]:
    """A line for each figure of the benchmarks in `now`, in their order; those gone from a benchmark come after it.

    Args:
        before: figures by benchmark.
        now: the same.
        goals: by benchmark and figure.
        stack: "current" or "addons".
    """
    lines = []
    for benchmark, figures in now.items():
        new = {figure.name: figure for figure in figures}
        old = {figure.name: figure for figure in before.get(benchmark, ())}
        for name in [*new, *(name for name in old if name not in new)]:
            one, other, goal = old.get(name), new.get(name), goals.get(benchmark, {}).get(name)
            if one is not None and other is not None:
                moved = verdict(one, other, goal)
            else:
                moved = "new" if one is None else "gone"
            lines.append(Line(f"{benchmark}: {name}", one, other, moved, goal.shown(stack) if goal else ""))
    return lines


def table(lines: Iterable[Line]) -> str:
    """The lines as columns: name, before, now, moved, asked."""
    rows = [("figure", "before", "now", "moved", "asked")]
    rows += [(line.name, _shown(line.before), _shown(line.now), line.moved, line.asked) for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    interval = f" ({figure.low:.2f} to {figure.high:.2f})" if figure.low < figure.high else ""
    return f"{figure.ratio:.4g}{' ' * bool(figure.unit)}{figure.unit}{interval}"
