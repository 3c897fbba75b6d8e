"""A picture of target images, each beside the source images nearest to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import any_script
from sjft_tf.summaries.words import one_line

_DPI = 100
_CELL = 1.28  # inches a cell; whole multiples of 32 and 64 pixels stay sharp in 128
_CAPTION = 0.36  # inches under it, two lines of text
_GAP = 0.10  # inches between cells
_TITLE = 0.34  # inches above the first line
_ACROSS = 12  # neighbors beside each other at most; more go into several lines
_TALLEST = 30_000  # pixels; picture viewers give up not far beyond, and PNG libraries at 65,535
_FRAME = "#d1495b"
_INK, _PALE, _HAIR = "#222222", "#777777", "#dddddd"


def neighbor_montage(
    path: str | os.PathLike[str],
    target: Any,
    source: Any,
    rows: np.ndarray,
    neighbors: np.ndarray,
    distances: np.ndarray,
    captions: Sequence[str] | None = None,
) -> Path:
    """Draws each target image framed, with its nearest source images beside it, nearest first.

    More than 12 neighbors are wrapped into lines of about equal length, and numbered. Under each image stands its
    class; under a borrowed one also its distance. Images smaller than a cell are enlarged without smoothing, so that
    every pixel is seen as it is. Written atomically.

    Args:
        path: the PNG file to write.
        target: `images.ImageSet` the rows are of.
        source: `images.ImageSet` the neighbors are of.
        rows: int [n], positions in `target`.
        neighbors: int [n, k], positions in `source`, k at least 1.
        distances: float [n, k], likewise.
        captions: n short texts for the second line under the target images, such as their ids.

    Returns:
        The file.

    Raises:
        InputError: if the shapes do not fit, or the picture would be too tall to be looked at.
    """
    # The object interface: no global figure, no window system, safe in a thread.
    from matplotlib.figure import Figure

    rows, neighbors, distances = np.asarray(rows), np.asarray(neighbors), np.asarray(distances)
    _check(rows, neighbors, distances, captions)
    k = neighbors.shape[1]
    lines = -(-k // _ACROSS)  # of one target image
    across = -(-k // lines)
    line_height = _CELL + _CAPTION + _GAP
    block_height = lines * line_height + (2 * _GAP if lines > 1 else 0.0)  # space that tells wrapped blocks apart
    width = (1 + across) * (_CELL + _GAP) + 2 * _GAP  # one gap more sets the target apart
    height = _TITLE + len(rows) * block_height
    if height * _DPI > _TALLEST:
        fitting = max(1, int((_TALLEST / _DPI - _TITLE) / block_height))
        raise InputError(
            f"A picture of {len(rows)} target images with {k} neighbors each would be {height * _DPI:.0f} pixels tall. "
            f"Show at most {fitting} of them with so many neighbors, or fewer neighbors."
        )
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")

    def left(column: int) -> float:
        return _GAP + column * (_CELL + _GAP) + (_GAP if column else 0.0)

    def text(x: float, y: float, words: str, **style: Any) -> None:
        # A class may be called "$1" or "a_b^c"; none of it is mathematics.
        figure.text(x / width, y / height, words, parse_math=False, **style)

    def cell(block: int, place: int | None, image_set: Any, row: int, note: str) -> None:
        line, column = (0, 0) if place is None else (place // across, 1 + place % across)
        top = height - _TITLE - block * block_height - line * line_height
        axes = figure.add_axes((left(column) / width, (top - _CELL) / height, _CELL / width, _CELL / height))
        image = np.asarray(image_set.load(row))
        small = max(image.shape[:2]) <= _CELL * _DPI
        axes.imshow(image, interpolation="nearest" if small else "hanning")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            # A hair line, or images with a white background would have no edge.
            spine.set(color=_FRAME if place is None else _HAIR, linewidth=3 if place is None else 0.6)
        middle = left(column) + _CELL / 2
        name = _shortened(str(image_set.class_names[int(image_set.labels[row])]))
        weight = "bold" if place is None else "normal"
        text(middle, top - _CELL - 0.06, name, ha="center", va="top", fontsize=8, color=_INK, weight=weight)
        if note:
            text(middle, top - _CELL - 0.20, note, ha="center", va="top", fontsize=7, color=_PALE)

    text(left(0) + _CELL / 2, height - 0.1, "target", ha="center", va="top", fontsize=9, color=_FRAME, weight="bold")
    noted = "distance" if lines == 1 else "rank and distance"
    heading = f"nearest borrowed images, with {noted}" if across > 2 else "nearest"
    text(left(1), height - 0.1, heading, va="top", fontsize=9, color=_PALE)
    for block, row in enumerate(rows):
        cell(block, None, target, int(row), _shortened(captions[block], 24) if captions and captions[block] else "")
        for place in range(k):
            note = f"{float(distances[block, place]):.4g}"
            cell(block, place, source, int(neighbors[block, place]), f"{place + 1}: {note}" if lines > 1 else note)
    with any_script(), atomic_write(path) as stream:
        figure.savefig(stream, format="png")
    return Path(path)


def _check(rows: np.ndarray, neighbors: np.ndarray, distances: np.ndarray, captions: Sequence[str] | None) -> None:
    if rows.ndim != 1 or not rows.size or neighbors.ndim != 2 or neighbors.shape[1] < 1:
        raise InputError(
            "A montage needs `rows` [n] and `neighbors` [n, k] with n and k at least 1. "
            f"Received: {rows.shape} and {neighbors.shape}"
        )
    if neighbors.shape != distances.shape or len(rows) != len(neighbors):
        raise InputError(
            "`neighbors` and `distances` must both be [n, k] for n rows. "
            f"Received: {neighbors.shape}, {distances.shape}, n={len(rows)}"
        )
    if captions is not None and len(captions) != len(rows):
        raise InputError(f"`captions` must be one for each of the {len(rows)} rows. Received: {len(captions)}")


def _shortened(name: str, longest: int = 20) -> str:
    """Cuts the middle out of a long name, since the ends tell most names apart."""
    name = one_line(name)
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[-(longest - 1 - head) :]}"
