"""A picture of a confusion matrix: which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import INK, PALE, pixels_of
from sjft_tf.words import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 100
_NAMED = 40  # classes whose names fit beside the matrix
_COUNTED = 12  # classes whose counts fit into its cells
_LISTED = 12  # mistakes in the list
_SIDE = 6.4  # inches of the matrix


def confusion_picture(confusion: np.ndarray, class_names: Sequence[str], title: str = "") -> np.ndarray:
    """Draws the matrix, every row as shares of the class's images, and lists the most frequent mistakes.

    Args:
        confusion: integers [C, C]; row: true class, column: predicted class.
        class_names: C names, in label order.
        title: a line above it.

    Returns:
        uint8 [H, W, 3].

    Raises:
        InputError: the matrix is not [C, C].
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    confusion, count = np.asarray(confusion), len(class_names)
    if not count or confusion.shape != (count, count):
        raise InputError(f"`confusion` must be [C, C] for {count} class names. Received: {confusion.shape}")
    totals = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(totals, 1)
    named = count <= _NAMED
    names = [shortened(str(name), 16) for name in class_names]
    left, bottom = (1.9, 1.9) if named else (0.75, 0.65)
    width, height = left + _SIDE + 3.9, bottom + _SIDE + 0.5
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
    # The root makes small shares visible, which is where the mistakes are.
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    if named:
        axes.set_xticks(range(count), names, rotation=90, fontsize=8, parse_math=False)
        axes.set_yticks(range(count), names, fontsize=8, parse_math=False)
    axes.tick_params(colors=PALE)
    what = "" if named else ", class number"
    axes.set_xlabel(f"predicted{what} (shade: share of the label's images)", color=PALE)
    axes.set_ylabel(f"label{what}", color=PALE)
    figures = f"{int(np.trace(confusion))} of {int(confusion.sum())} right"
    axes.set_title(f"{shortened(title, 60)}: {figures}", fontsize=11, color=INK, parse_math=False)
    if count <= _COUNTED:
        for row, column in zip(*np.nonzero(confusion), strict=True):
            color = "white" if shares[row, column] > 0.3 else INK
            text = str(confusion[row, column])
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    _mistakes(figure, (left + _SIDE + 0.3) / width, 1 - 0.5 / height, 0.27 / height, confusion, class_names)
    return pixels_of(figure)


def _mistakes(
    figure: Figure, x: float, top: float, line: float, confusion: np.ndarray, class_names: Sequence[str]
) -> None:
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    mistakes = [(*divmod(int(cell), len(confusion)), int(wrong.flat[cell])) for cell in order if wrong.flat[cell]]
    figure.text(
        x,
        top,
        "most frequent mistakes: label → prediction" if mistakes else "no mistakes",
        fontsize=10,
        color=PALE,
        va="top",
    )
    for position, (label, predicted, number) in enumerate(mistakes, start=1):
        of = int(confusion[label].sum())
        names = f"{shortened(str(class_names[label]), 18)} → {shortened(str(class_names[predicted]), 18)}"
        below = top - line * (2 * position - 1) - 0.4 * line
        figure.text(x, below, names, va="top", fontsize=8.5, color=INK, parse_math=False)
        figure.text(x, below - 0.65 * line, f"{number} of {of}", va="top", fontsize=8, color=PALE, parse_math=False)
