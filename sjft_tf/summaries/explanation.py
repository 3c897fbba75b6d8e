"""A picture of one distance taken apart: the images, what each filter adds, and the filters that add most."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import HAIR, INK, PALE, any_script, show_image
from sjft_tf.words import one_line, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

_DPI = 110
_TARGET, _NEAREST, _MEDIAN = "#d1495b", "#2a6f97", "#d98e04"
_LABELS = 40  # tick labels that fit under the bars
_BARS = 256  # beyond, bars are thinner than the gaps between them


@dataclasses.dataclass(frozen=True)
class ExplainedImage:
    """One image of the picture: its pixels [H, W, 3] in 0..255, a title, and lines of text beside it."""

    pixels: np.ndarray
    title: str
    lines: Sequence[str]


class ExplainedFilter(Protocol):
    """One filter in words; see `retrieval.explain.Channel`."""

    @property
    def name(self) -> str:
        """Unique within the bank."""

    @property
    def group(self) -> str:
        """What it is looked at together with."""

    @property
    def tick(self) -> str:
        """What tells it from the others of its group."""

    @property
    def second(self) -> bool:
        """Whether it is the imaginary part of another one."""


def explanation_picture(
    path: str | os.PathLike[str],
    images: Sequence[ExplainedImage],
    contributions: np.ndarray,
    channels: Sequence[ExplainedFilter],
    top: Sequence[int],
    histograms: np.ndarray,
) -> Path:
    """Draws target, nearest and median neighbor, what every filter adds to both distances, and some histograms.

    Args:
        path: the PNG file to write, atomically.
        images: the target, the nearest and the median neighbor.
        contributions: float [2, C], what each filter adds to the distance to the nearest and to the median neighbor.
        channels: C descriptions, such as `retrieval.Channel`.
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
    figure = Figure(figsize=(12.4, 9.6), dpi=_DPI, facecolor="white")
    left, right = 0.06, 0.985
    top_grid = figure.add_gridspec(
        1, 6, wspace=0.06, width_ratios=(1, 1.05) * 3, left=left, right=right, top=0.975, bottom=0.795
    )
    _images(figure, top_grid, images)
    middle = figure.add_gridspec(2, 1, hspace=0.12, left=left, right=right, top=0.745, bottom=0.36)
    _bars(figure, middle, contributions, channels, top)
    below = figure.add_gridspec(1, 3, wspace=0.17, left=left, right=right, top=0.275, bottom=0.06)
    _histograms(figure, below, histograms, channels, top)
    with any_script(), atomic_write(path) as stream:
        figure.savefig(stream, format="png")
    return Path(path)


def runs(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Runs of equal neighbors: `["a", "a", "b"]` gives `[("a", 0, 2), ("b", 2, 3)]`."""
    starts = [i for i, name in enumerate(names) if not i or name != names[i - 1]]
    return [(names[start], start, stop) for start, stop in pairwise([*starts, len(names)])]


def _images(figure: Figure, grid: GridSpec, images: Sequence[ExplainedImage]) -> None:
    for position, (shown, color) in enumerate(zip(images, (_TARGET, _NEAREST, _MEDIAN), strict=True)):
        axes = figure.add_subplot(grid[2 * position])
        pixels = np.clip(np.rint(shown.pixels), 0, 255).astype(np.uint8)
        show_image(axes, pixels, 128, (color, 3.0))
        beside = figure.add_subplot(grid[2 * position + 1])
        beside.axis("off")
        _beside(beside, 1.0, shortened(shown.title, 40), color=color, size=12, weight="bold")
        for number, line in enumerate(shown.lines):
            _beside(beside, 0.83 - 0.13 * number, shortened(line, 26), color=INK, size=8.5)


def _beside(axes: Axes, y: float, words: str, color: str, size: float, weight: str = "normal") -> None:
    axes.text(
        0.0,
        y,
        words,
        transform=axes.transAxes,
        va="top",
        parse_math=False,
        color=color,
        fontsize=size,
        weight=weight,
    )


def _bars(
    figure: Figure, grid: GridSpec, contributions: np.ndarray, channels: Sequence[ExplainedFilter], top: Sequence[int]
) -> None:
    count = len(channels)
    positions, second = np.arange(count), np.array([channel.second for channel in channels])
    highest = float(contributions.max())
    highest = highest if highest > 1e-30 else 1.0  # an axis needs a length
    groups = runs([channel.group for channel in channels])
    for panel, (values, color, words) in enumerate(
        zip(contributions, (_NEAREST, _MEDIAN), ("nearest", "median"), strict=True)
    ):
        axes = figure.add_subplot(grid[panel])
        if count <= _BARS:
            bars = axes.bar(positions, values, color=color)
            for bar in np.flatnonzero(second):
                bars[bar].set_alpha(0.5)
        else:
            axes.stairs(values, np.arange(count + 1) - 0.5, fill=True, color=color)
        for rank, channel in enumerate(top, start=1):
            axes.annotate(
                str(rank),
                (channel, values[channel]),
                (0, 1),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=9,
                weight="bold",
                color=INK,
            )
        axes.set_xlim(-0.75, count - 0.25)
        axes.set_ylim(0, 1.15 * highest)
        axes.tick_params(labelsize=8, colors=PALE)
        axes.set_ylabel(f"to the {words}", color=color, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        for _, start, _ in groups[1:]:
            axes.axvline(start - 0.5, color=HAIR, linewidth=1, zorder=0)
        _ticks(axes, channels, groups, panel == 1)
        if not panel:
            parts = " (full: real part, pale: imaginary part)" if second.any() else ""
            axes.set_title(f"what each filter adds to the distance{parts}", fontsize=10, color=PALE)


def _ticks(axes: Axes, channels: Sequence[ExplainedFilter], groups: list[tuple[str, int, int]], labeled: bool) -> None:
    # Thinned by powers of two and begun anew in every group, so that the numbers of a network's filters are round.
    every = 1
    while len(runs([f"{channel.group} {channel.tick}" for channel in channels])) > every * _LABELS:
        every *= 2
    ticks = []
    for group, first, last in groups:
        # The two parts of a Gabor filter share a tick.
        within = runs([channel.tick for channel in channels[first:last]])[::every]
        ticks += [(first + (start + stop - 1) / 2, tick) for tick, start, stop in within]
        if labeled:
            axes.annotate(
                shortened(group, 40),
                ((first + last - 1) / 2, 0),
                (0, -17),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=9,
                color=INK,
                parse_math=False,
            )
    axes.set_xticks(
        [position for position, _ in ticks],
        [one_line(tick) for _, tick in ticks] if labeled else [""] * len(ticks),
        parse_math=False,
    )


def _histograms(
    figure: Figure, grid: GridSpec, histograms: np.ndarray, channels: Sequence[ExplainedFilter], top: Sequence[int]
) -> None:
    bins = histograms.shape[2]
    edges = np.arange(bins + 1)
    for rank, channel in enumerate(top, start=1):
        axes = figure.add_subplot(grid[rank - 1])
        target, nearest, median = histograms[:, channel] * 100
        axes.stairs(target, edges, fill=True, color=_TARGET, alpha=0.3)
        axes.stairs(nearest, edges, color=_NEAREST, linewidth=1.3)
        axes.stairs(median, edges, color=_MEDIAN, linewidth=1.3)
        axes.axhline(100 / bins, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, bins)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{rank}: {shortened(channels[channel].name, 60)}", fontsize=10, color=INK, parse_math=False)
        axes.set_xlabel("bins of its responses, low to high (dotted: all target images)", fontsize=8.5, color=PALE)
        axes.tick_params(labelsize=8, colors=PALE)
        axes.spines[["top", "right"]].set_visible(False)
        if rank == 1:
            axes.set_ylabel("% of the pixels", fontsize=9, color=PALE)
