"""A picture of pairs of images that should not both be there: leaked source images beside the target images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sjft_tf.artifacts import atomic_write
from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import HAIR, INK, PALE, any_script, show_image
from sjft_tf.words import one_line

_DPI = 100
_SIDE = 1.28  # inches a picture; whole multiples of 32 and 64 pixels stay sharp in 128
_CAPTION = 0.36  # inches under a pair, two lines of text
_GAP = 0.16  # inches between pairs
_ACROSS = 4  # pairs in a line


class Pair(NamedTuple):
    """Two images to be shown side by side, uint8 [H, W, 3] each, and two lines of text under them."""

    left: np.ndarray
    right: np.ndarray
    title: str
    note: str


def pair_montage(path: str | os.PathLike[str], pairs: Sequence[Pair]) -> Path:
    """Draws the pairs in lines of four, each with its text. Written atomically.

    Images smaller than a cell are enlarged without smoothing, so that every pixel is seen as it is.

    Args:
        path: the PNG file to write.
        pairs: what to draw, at least one.

    Returns:
        The file.

    Raises:
        InputError: there are no pairs.
    """
    # The object interface: no global figure, no window system, safe in a thread.
    from matplotlib.figure import Figure

    if not pairs:
        raise InputError("A picture of pairs needs at least one pair. Received: none")
    across = min(_ACROSS, len(pairs))
    lines = -(-len(pairs) // across)
    width = across * (2 * _SIDE + _GAP) + _GAP
    height = lines * (_SIDE + _CAPTION + _GAP) + _GAP
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    for number, pair in enumerate(pairs):
        line, column = divmod(number, across)
        left = _GAP + column * (2 * _SIDE + _GAP)
        bottom = height - _GAP - line * (_SIDE + _CAPTION + _GAP) - _SIDE
        for offset, image in ((0.0, pair.left), (_SIDE, pair.right)):
            axes = figure.add_axes(((left + offset) / width, bottom / height, _SIDE / width, _SIDE / height))
            show_image(axes, np.asarray(image), _SIDE * _DPI, (HAIR, 0.6))
        for words, below, size, color in ((pair.title, 0.06, 8, INK), (pair.note, 0.20, 7, PALE)):
            # Names of files may hold anything; none of it is mathematics.
            figure.text(
                (left + _SIDE) / width,
                (bottom - below) / height,
                one_line(words) if words else "",
                parse_math=False,
                ha="center",
                va="top",
                fontsize=size,
                color=color,
            )
    with any_script(), atomic_write(path) as stream:
        figure.savefig(stream, format="png")
    return Path(path)
