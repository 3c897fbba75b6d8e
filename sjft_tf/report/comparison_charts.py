"""The charts of a comparison. An arm has one color in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from sjft_tf.report.bounds import plottable
from sjft_tf.report.svg import BASELINE, INK, LOG_ENDS, PALETTE, WIDE, Chart
from sjft_tf.words import one_line


@dataclass(frozen=True)
class ArmBar:
    """What an arm reached, in %; `mean` None without runs, `half` (of the 95 % interval) None for one seed."""

    name: str
    title: str
    mean: float | None
    half: float | None
    values: Sequence[float]


@dataclass(frozen=True)
class ArmDifference:
    """An arm beside the baseline, in percentage points; None where unknown. `differences` has one a seed."""

    name: str
    title: str
    difference: float | None
    low: float | None
    high: float | None
    differences: Sequence[float | None]


@dataclass(frozen=True)
class ArmTrials:
    """How the settings of an arm were chosen.

    Attributes:
        name, title: of the arm.
        lines: of each source weight ("" where there is none) a list of `(rate, mean in %)`.
        chosen: one of those, or None.
    """

    name: str
    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    chosen: tuple[float, float] | None


@dataclass(frozen=True)
class ArmCurves:
    """Accuracy of an arm after each round: `values`, float [seeds, rounds] in %."""

    name: str
    title: str
    values: np.ndarray


def arm_colors(names: Sequence[str], baseline: str) -> dict[str, str]:
    """A color for each arm: gray for the baseline, then in order, again from the start after eight."""
    others = [name for name in names if name != baseline]
    return {baseline: BASELINE} | {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(others)}


def accuracy_bars(arms: Sequence[ArmBar], colors: Mapping[str, str], title: str, metric: str) -> Markup:
    """A bar over the 95 % interval of each arm's mean, the mean in it, and the single seeds as dots.

    The bars do not begin at 0, where they would be too much alike; so it is the intervals that are drawn, not lengths.

    Args:
        arms: in the order of the chart.
        colors: of the arms.
        title: what the figures are of.
        metric: in words.
    """
    with Chart("arms", WIDE, 0.75 + 0.44 * len(arms), "x") as chart:
        axes = chart.axes
        for row, arm in enumerate(arms):
            color, values = colors[arm.name], plottable(arm.values)
            if arm.mean is not None:
                mean, half = plottable(arm.mean), plottable(arm.half or 0.0)
                axes.barh(row, 2 * half, left=mean - half, color=color, alpha=0.28, height=0.6, linewidth=0)
                axes.plot([mean] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2.4)
                words = f"{mean:.1f}"
                axes.annotate(words, (1.0, row), (4, 0), ("axes fraction", "data"), "offset points", va="center")
            # Dots of nearly equal values lie beside each other.
            spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(len(values))
            axes.plot(values, row + spread, "o", color=color, markersize=4, markeredgecolor=INK, markeredgewidth=0.4)
        everything = [value for arm in arms for value in (*arm.values, arm.mean) if value is not None]
        known = plottable(everything)
        halves = plottable([arm.half or 0.0 for arm in arms])
        axes.set_xlim(*_limits(known[np.isfinite(known)].tolist(), float(np.nan_to_num(halves).max(initial=0.0))))
        chart.names(range(len(arms)), [arm.title for arm in arms], 40)
        chart.label(f"{metric} of the {title} images (%)")
        return chart.svg(f"{metric} of {len(arms)} arms with 95 % intervals and single seeds")


def _limits(values: Sequence[float], half: float) -> tuple[float, float]:
    """Axis in % around the values, wide enough that small differences do not look large."""
    low, high = min(values, default=0.0), max(values, default=100.0)
    margin = max(1.0, half, 0.12 * (high - low))
    width = max(high - low + 2 * margin, 10.0)
    begin = min(max(0.0, min(low - margin, (low + high - width) / 2)), 99.0)
    return begin, max(begin + 1.0, min(100.0, max(high + margin, begin + width)))


def paired_differences(
    arms: Sequence[ArmDifference], seeds: Sequence[int], colors: Mapping[str, str], baseline: str
) -> Markup:
    """Difference to the baseline: mean with interval, and a thin line for each seed through all arms.

    Args:
        arms: in the order of the chart.
        seeds: whose runs are paired.
        colors: of the arms.
        baseline: title of the baseline.
    """
    with Chart("differences", WIDE, 0.8 + 0.46 * len(arms), "x") as chart:
        axes, rows = chart.axes, np.arange(len(arms))
        axes.axvline(0, color=BASELINE, linewidth=1.2)
        for number, _ in enumerate(seeds):
            line = [arm.differences[number] for arm in arms]
            points = plottable([np.nan if value is None else value for value in line])
            axes.plot(points, rows, color=INK, alpha=0.35, linewidth=0.8, marker="o", markersize=3)
        for row, arm in zip(rows, arms, strict=True):
            if arm.difference is None:
                continue
            if arm.low is not None and arm.high is not None:
                ends = plottable([arm.low, arm.high])
                axes.plot(ends, [row, row], color=colors[arm.name], linewidth=7, alpha=0.32)
            axes.plot(plottable(arm.difference), row, "D", color=colors[arm.name], markersize=6, zorder=4)
        chart.names(rows, [arm.title for arm in arms], 40)
        axes.margins(x=0.08)
        chart.label(f"difference to {baseline} (percentage points)")
        said = f"paired differences to {baseline} over {len(seeds)} seeds, with 95 % intervals"
        return chart.svg(said)


def trials(arms: Sequence[ArmTrials], colors: Mapping[str, str]) -> Markup:
    """Validation accuracy against learning rate for each arm, the chosen one ringed.

    Args:
        arms: in the order of the legend.
        colors: of the arms.
    """
    weights = sorted({weight for arm in arms for weight in arm.lines if weight}, key=float)
    styles = dict(zip(weights, ("-", "--", ":", "-."), strict=False))
    rates: set[float] = set()
    with Chart("trials", WIDE, 3.2) as chart:
        axes = chart.axes
        for arm in arms:
            color = colors[arm.name]
            for number, (weight, points) in enumerate(arm.lines.items()):
                x, y = plottable([rate for rate, _ in points], *LOG_ENDS), plottable([mean for _, mean in points])
                rates |= {rate for rate, _ in points}
                label = None if number else one_line(arm.title)
                axes.plot(x, y, styles.get(weight, "-"), color=color, marker="o", markersize=3.5, label=label)
            if arm.chosen is not None:
                rate, mean = arm.chosen
                axes.plot(
                    plottable(rate, *LOG_ENDS), plottable(mean), "o", markersize=10, fillstyle="none", color=color
                )
        for weight in weights if len(weights) > 1 else ():
            axes.plot([], [], styles.get(weight, "-"), color=INK, linewidth=1.2, label=f"source weight {weight}")
        chart.log_axis(rates)
        chart.label("learning rate", "validation accuracy (%)")
        chart.legend(4)
        return chart.svg("validation accuracy of the trials against the learning rate, by arm")


def arm_curves(arms: Sequence[ArmCurves], colors: Mapping[str, str], title: str) -> Markup:
    """Accuracy after each round: mean of an arm's seeds as a line, from lowest to highest seed as a band.

    Args:
        arms: in the order of the legend.
        colors: of the arms.
        title: what the figures are of.
    """
    with Chart("arm-curves", WIDE, 3.2) as chart:
        longest = max(arm.values.shape[1] for arm in arms)
        for arm in arms:
            values, color = plottable(arm.values), colors[arm.name]
            # An arm of a single fit has trained as long as the others when they have ended their last round.
            rounds = np.arange(1, values.shape[1] + 1) * longest / values.shape[1]
            chart.axes.fill_between(rounds, values.min(0), values.max(0), color=color, alpha=0.13, linewidth=0)
            chart.axes.plot(rounds, values.mean(0), color=color, marker="o", markersize=4, label=one_line(arm.title))
        chart.axes.set_xticks(range(1, longest + 1))
        chart.label("after round", f"{title} accuracy (%)")
        chart.legend(4)
        return chart.svg(f"{title} accuracy of each arm after each of {longest} rounds")
