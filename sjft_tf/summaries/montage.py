"""A picture of target images, each beside the source images nearest to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import HAIR, INK, PALE, WRONG, LabeledImages, any_script, label_of, show_image
from sjft_tf.words import shortened

_DPI = 100
_CELL = 1.28  # inches a cell; whole multiples of 32 and 64 pixels stay sharp in 128
_CAPTION = 0.36  # inches under it, two lines of text
_GAP = 0.10  # inches between cells
_LINE = _CELL + _CAPTION + _GAP
_TITLE = 0.34  # inches above the first line
_ACROSS = 12  # neighbors beside each other at most; more go into several lines
_TALLEST = 30_000  # pixels; picture viewers give up not far beyond, and PNG libraries at 65,535


def neighbor_montage(
    path: str | os.PathLike[str],
    target: LabeledImages,
    source: LabeledImages,
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
    rows, neighbors, distances = np.asarray(rows), np.asarray(neighbors), np.asarray(distances)
    _check(rows, neighbors, distances, captions)
    sheet = _Sheet(len(rows), neighbors.shape[1])
    sheet.head()
    for block, row in enumerate(map(int, rows)):
        note = shortened(captions[block], 24) if captions and captions[block] else ""
        sheet.show(block, None, target.load(row), _class_name(target, row), note)
        for rank, neighbor in enumerate(map(int, neighbors[block])):
            note = f"{float(distances[block, rank]):.4g}"
            note = f"{rank + 1}: {note}" if sheet.lines > 1 else note
            sheet.show(block, rank, source.load(neighbor), _class_name(source, neighbor), note)
    with any_script(), atomic_write(path) as stream:
        sheet.figure.savefig(stream, format="png")
    return Path(path)


class _Sheet:
    """Where everything stands: a block for each target image, the target in its first column, neighbors beside it."""

    def __init__(self, blocks: int, neighbors: int) -> None:
        # The object interface: no global figure, no window system, safe in a thread.
        from matplotlib.figure import Figure

        self.lines = -(-neighbors // _ACROSS)  # of one block
        self.across = -(-neighbors // self.lines)
        # Space that tells wrapped blocks apart.
        self.block_height = self.lines * _LINE + (2 * _GAP if self.lines > 1 else 0.0)
        self.width = (1 + self.across) * (_CELL + _GAP) + 2 * _GAP  # one gap more sets the target apart
        self.height = _TITLE + blocks * self.block_height
        if self.height * _DPI > _TALLEST:
            fitting = max(1, int((_TALLEST / _DPI - _TITLE) / self.block_height))
            raise InputError(
                f"A picture of {blocks} target images with {neighbors} neighbors each would be "
                f"{self.height * _DPI:.0f} pixels tall. "
                f"Show at most {fitting} of them with so many neighbors, or fewer neighbors."
            )
        self.figure = Figure(figsize=(self.width, self.height), dpi=_DPI, facecolor="white")

    def head(self) -> None:
        """The line above everything."""
        top = self.height - 0.1
        self._text((self._left(0) + _CELL / 2, top), "target", 9, WRONG, weight="bold")
        noted = "distance" if self.lines == 1 else "rank and distance"
        heading = f"nearest borrowed images, with {noted}" if self.across > 2 else "nearest"
        self._text((self._left(1), top), heading, 9, PALE, align="left")

    def show(self, block: int, rank: int | None, image: np.ndarray, name: str, note: str) -> None:
        """Draws one image [H, W, 3] with two lines of text: the neighbor of this rank, from 0, or None the target."""
        line, column = (0, 0) if rank is None else (rank // self.across, 1 + rank % self.across)
        left, top = self._left(column), self.height - _TITLE - block * self.block_height - line * _LINE
        box = (left / self.width, (top - _CELL) / self.height, _CELL / self.width, _CELL / self.height)
        # A hair line, or images with a white background would have no edge.
        frame = (WRONG, 3.0) if rank is None else (HAIR, 0.6)
        show_image(self.figure.add_axes(box), np.asarray(image), _CELL * _DPI, frame)
        middle, weight = left + _CELL / 2, "bold" if rank is None else "normal"
        self._text((middle, top - _CELL - 0.06), name, 8, INK, weight=weight)
        if note:
            self._text((middle, top - _CELL - 0.20), note, 7, PALE)

    def _left(self, column: int) -> float:
        return _GAP + column * (_CELL + _GAP) + (_GAP if column else 0.0)

    def _text(
        self,
        top: tuple[float, float],
        words: str,
        size: float,
        color: str,
        align: str = "center",
        weight: str = "normal",
    ) -> None:
        x, y = top[0] / self.width, top[1] / self.height
        # A class may be called "$1" or "a_b^c"; none of it is mathematics.
        self.figure.text(x, y, words, ha=align, va="top", fontsize=size, color=color, weight=weight, parse_math=False)


def _class_name(images: LabeledImages, row: int) -> str:
    return shortened(label_of(images, row))


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
