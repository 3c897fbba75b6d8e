"""Several series with their 95 % intervals over a number, its logarithm, or names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from sjft_tf.report.bounds import plottable
from sjft_tf.report.svg import LOG_ENDS, PALETTE, WIDE, Chart, shortened
from sjft_tf.words import one_line

_STYLES = ("-", "--", ":", "-.")  # after the last color they begin again, in the next style
_APART = 0.06  # of the distance of two names: series of which one would hide the other


class Point(NamedTuple):
    """A point of a series.

    Attributes:
        x: a number, or a name.
        mean: None where nothing is known; the line has a gap there.
        low, high: of the 95 % interval; None: not known, as with one seed.
    """

    x: float | str
    mean: float | None
    low: float | None = None
    high: float | None = None


def line_chart(
    name: str,
    series: Mapping[str, Sequence[Point]],
    x: str,
    y: str,
    *,
    log: bool = False,
    colors: Mapping[str, str] | None = None,
    height: float = 3.2,
) -> Markup:
    """Means as lines, intervals as bands with a bar at each point.

    Args:
        name: letters and hyphens, unique in the page.
        series: the points of each by its name, in the order of the line. Where one x is a name, all are, and they lie
            beside each other in the order in which they first come.
        x, y: titles of the axes.
        log: of numbers, a logarithmic axis.
        colors: of the series; default: in order.
        height: inches.

    Returns:
        An `<svg>` element.

    Example:
        >>> line_chart("rate", {"textures": [Point(0.001, 48.0, 46.5, 49.5), Point(0.01, 51.0)]}, "rate", "%", log=True)
    """
    everything = [point.x for points in series.values() for point in points]
    named = any(isinstance(place, str) for place in everything)
    place_of = {place: number for number, place in enumerate(dict.fromkeys(map(str, everything)))}
    with Chart(name, WIDE, height) as chart:
        for number, (title, points) in enumerate(series.items()):
            if named:
                aside = _APART * (number - (len(series) - 1) / 2)
                places = np.array([place_of[str(point.x)] + aside for point in points])
            else:
                places = plottable([point.x for point in points], *(LOG_ENDS if log else ()))
            color = (colors or {}).get(title, PALETTE[number % len(PALETTE)])
            _draw(chart, points, places, color, _STYLES[number // len(PALETTE) % len(_STYLES)], one_line(title))
        if named:
            chart.axes.set_xticks(range(len(place_of)), [shortened(one_line(place)) for place in place_of])
            if len(place_of) * max(map(len, place_of)) > 70:  # they would run into each other
                chart.axes.tick_params(axis="x", rotation=35)
        elif log:
            chart.log_axis(everything)
        elif all(float(place).is_integer() for place in everything):
            chart.axes.locator_params(axis="x", integer=True)
        chart.label(x, y)
        chart.legend(4)
        return chart.svg(f"{y} against {x}: {', '.join(series)}")


def _draw(chart: Chart, points: Sequence[Point], places: np.ndarray, color: str, style: str, title: str) -> None:
    order = np.argsort(places, kind="stable")
    means, lows, highs = (
        plottable([np.nan if value is None else value for value in values])[order]
        for values in ([p.mean for p in points], [p.low for p in points], [p.high for p in points])
    )
    places, known = places[order], np.isfinite(lows) & np.isfinite(highs)
    chart.axes.fill_between(places, lows, highs, color=color, alpha=0.13, linewidth=0)
    chart.axes.vlines(places[known], lows[known], highs[known], color=color, alpha=0.55, linewidth=1.1)
    chart.axes.plot(places, means, style, color=color, marker="o", markersize=4, label=title)
