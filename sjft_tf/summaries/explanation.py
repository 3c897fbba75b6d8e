"""A picture of one distance taken apart: the images, what each filter adds, and the filters that add most."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.summaries.montage import _shortened

_DPI = 110
_TARGET, _NEAREST, _MEDIAN = "#d1495b", "#2a6f97", "#d98e04"
_INK, _PALE, _HAIR = "#222222", "#777777", "#dddddd"
_LABELS = 40  # tick labels that fit under the bars


@dataclasses.dataclass(frozen=True)
class Shown:
    """One image of the picture: its pixels [H, W, 3] in 0..255, a title, and lines of text beside it."""

    pixels: np.ndarray
    title: str
    lines: Sequence[str]


def explanation_picture(
    path: str | os.PathLike[str],
    images: Sequence[Shown],
    contributions: np.ndarray,
    channels: Sequence[Any],
    top: Sequence[int],
    histograms: np.ndarray,
) -> Path:
    """Draws target, nearest and median neighbor, what every filter adds to both distances, and some histograms.

    Args:
        path: the PNG file to write, atomically.
        images: the target, the nearest and the median neighbor.
        contributions: float [2, C], what each filter adds to the distance to the nearest and to the median neighbor.
        channels: C descriptions with the attributes `name`, `group`, `tick` and `second` of
            `retrieval.explain.Channel`.
        top: 1 to 3 filters whose histograms are shown, the first one first.
        histograms: float [3, C, bins], of the three images.

    Returns:
        The file.

    Raises:
        InputError: shapes that do not fit.
    """
    from matplotlib.figure import Figure

    contributions, histograms = np.asarray(contributions), np.asarray(histograms)
    count = len(channels)
    if len(images) != 3 or contributions.shape != (2, count) or histograms.shape[:2] != (3, count) or not top:
        raise InputError(
            f"An explanation needs 3 images, [2, C] contributions and [3, C, bins] histograms of C={count} filters. "
            f"Received: {len(images)}, {contributions.shape}, {histograms.shape}, {len(top)} filters to show"
        )
    figure = Figure(figsize=(12.4, 10.2), dpi=_DPI, facecolor="white")
    grid = figure.add_gridspec(
        4, 1, height_ratios=(2.0, 1.7, 1.7, 2.3), left=0.06, right=0.985, top=0.965, bottom=0.055, hspace=0.42
    )
    _images(figure, grid[0].subgridspec(1, 6, wspace=0.06, width_ratios=(1, 1.05) * 3), images)
    _bars(figure, grid[1:3].subgridspec(2, 1, hspace=0.12), contributions, channels, top)
    _histograms(figure, grid[3].subgridspec(1, 3, wspace=0.2), histograms, channels, top)
    with warnings.catch_warnings(), atomic_write(path) as stream:
        # Names in a script the font lacks come out as boxes; the picture is still worth having.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(stream, format="png")
    return Path(path)


def runs(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Runs of equal neighbors: `["a", "a", "b"]` gives `[("a", 0, 2), ("b", 2, 3)]`."""
    starts = [i for i, name in enumerate(names) if not i or name != names[i - 1]]
    return [(names[start], start, stop) for start, stop in pairwise([*starts, len(names)])]


def _images(figure: Any, grid: Any, images: Sequence[Shown]) -> None:
    for place, (shown, color) in enumerate(zip(images, (_TARGET, _NEAREST, _MEDIAN), strict=True)):
        axes = figure.add_subplot(grid[2 * place])
        pixels = np.clip(np.rint(shown.pixels), 0, 255).astype(np.uint8)
        axes.imshow(pixels, interpolation="nearest" if max(pixels.shape[:2]) <= 128 else "hanning")
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=color, linewidth=3)
        beside = figure.add_subplot(grid[2 * place + 1])
        beside.axis("off")
        style = {"transform": beside.transAxes, "va": "top", "parse_math": False}
        beside.text(0.0, 1.0, shown.title, color=color, weight="bold", fontsize=12, **style)
        for number, line in enumerate(shown.lines):
            beside.text(0.0, 0.83 - 0.13 * number, _shortened(line, 30), color=_INK, fontsize=9, **style)


def _bars(figure: Any, grid: Any, contributions: np.ndarray, channels: Sequence[Any], top: Sequence[int]) -> None:
    count = len(channels)
    place, second = np.arange(count), np.array([channel.second for channel in channels])
    highest = float(contributions.max()) or 1.0
    groups = runs([channel.group for channel in channels])
    for panel, (values, color, words) in enumerate(
        zip(contributions, (_NEAREST, _MEDIAN), ("the nearest", "the median"), strict=True)
    ):
        axes = figure.add_subplot(grid[panel])
        bars = axes.bar(place, values, width=0.8 if count <= 128 else 1.0, color=color)
        for bar in np.flatnonzero(second):
            bars[bar].set_alpha(0.5)
        for rank, channel in enumerate(top, start=1):
            style = {"ha": "center", "va": "bottom", "fontsize": 9, "weight": "bold", "color": _INK}
            axes.annotate(str(rank), (channel, values[channel]), (0, 1), textcoords="offset points", **style)
        axes.set_xlim(-0.75, count - 0.25)
        axes.set_ylim(0, 1.15 * highest)
        axes.tick_params(labelsize=8, colors=_PALE)
        axes.set_ylabel(f"adds to {words}", color=color, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        for _, start, _ in groups[1:]:
            axes.axvline(start - 0.5, color=_HAIR, linewidth=1, zorder=0)
        _ticks(axes, channels, groups, panel == 1)
    if second.any():
        figure.axes[-2].set_title(
            "what each filter adds to the distance (full: real part, pale: imaginary part)", fontsize=10, color=_PALE
        )
    else:
        figure.axes[-2].set_title("what each filter adds to the distance", fontsize=10, color=_PALE)


def _ticks(axes: Any, channels: Sequence[Any], groups: list[tuple[str, int, int]], labeled: bool) -> None:
    # Thinned by powers of two and begun anew in every group, so that the numbers of a network's filters are round.
    every = 1
    while len(runs([f"{channel.group} {channel.tick}" for channel in channels])) > every * _LABELS:
        every *= 2
    kept = []
    for group, first, last in groups:
        # The two parts of a Gabor filter share a tick.
        within = runs([channel.tick for channel in channels[first:last]])[::every]
        kept += [(first + (start + stop - 1) / 2, tick) for tick, start, stop in within]
        if labeled:
            style = {"ha": "center", "va": "top", "fontsize": 9, "color": _INK, "parse_math": False}
            below = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            axes.annotate(group, ((first + last - 1) / 2, 0), (0, -17), **below, **style)
    axes.set_xticks([place for place, _ in kept], [tick for _, tick in kept] if labeled else [""] * len(kept))


def _histograms(figure: Any, grid: Any, histograms: np.ndarray, channels: Sequence[Any], top: Sequence[int]) -> None:
    bins = histograms.shape[2]
    edges = np.arange(bins + 1)
    for rank, channel in enumerate(top, start=1):
        axes = figure.add_subplot(grid[rank - 1])
        target, nearest, median = histograms[:, channel] * 100
        axes.stairs(target, edges, fill=True, color=_TARGET, alpha=0.3, label="target")
        axes.stairs(nearest, edges, color=_NEAREST, linewidth=1.3, label="nearest")
        axes.stairs(median, edges, color=_MEDIAN, linewidth=1.3, label="median")
        axes.axhline(100 / bins, color=_PALE, linewidth=0.8, linestyle=":", label="all target images")
        axes.set_xlim(0, bins)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{rank}: {channels[channel].name}", fontsize=10, color=_INK, parse_math=False)
        axes.set_xlabel("bin of the filter's response, low to high", fontsize=9, color=_PALE)
        axes.tick_params(labelsize=8, colors=_PALE)
        axes.spines[["top", "right"]].set_visible(False)
        if rank == 1:
            axes.set_ylabel("% of the pixels", fontsize=9, color=_PALE)
            axes.legend(fontsize=8, frameon=False)
