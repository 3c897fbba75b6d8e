"""A picture of the target images that the model finds hardest."""

from __future__ import annotations

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.summaries.drawing import HAIR, INK, PALE, RIGHT, WRONG, LabeledImages, label_of, pixels_of, show_image
from sjft_tf.words import shortened

_DPI = 100
_CELL = 1.28  # inches an image
_CAPTION = 0.52  # inches under it, three lines of text
_GAP = 0.14
_ACROSS = 8
_TITLE = 0.36


def hardest_rows(wrong: np.ndarray, entropy: np.ndarray, count: int) -> np.ndarray:
    """Rows of the hardest images: wrong ones first, the surest mistakes leading; then the least certain right ones.

    A sure mistake is the most telling: the label may be wrong, or the image not what its class says.

    Args:
        wrong: bool [N].
        entropy: float [N], nats.
        count: how many.

    Returns:
        int [min(count, N)].
    """
    wrong, entropy = np.asarray(wrong, bool), np.asarray(entropy)
    return np.lexsort((np.where(wrong, entropy, -entropy), ~wrong))[:count]


def hardest_picture(
    target: LabeledImages, rows: np.ndarray, wrong: np.ndarray, predicted: np.ndarray, entropy: np.ndarray
) -> np.ndarray:
    """Draws the images of `rows` with label, prediction and entropy; wrong ones framed in red.

    Args:
        target: `images.ImageSet`.
        rows: int [n], positions in it, n at least 1.
        wrong: bool [N] of all its images.
        predicted: int [N], predicted classes, likewise.
        entropy: float [N] in nats, likewise.

    Returns:
        uint8 [H, W, 3].

    Raises:
        InputError: there are no rows, or the arrays are not of all the set's images.
    """
    from matplotlib.figure import Figure

    if not len(rows) or {len(wrong), len(predicted), len(entropy)} != {len(target.labels)}:
        raise InputError(
            f"A picture needs rows, and `wrong`, `predicted` and `entropy` of all {len(target.labels)} images. "
            f"Received: {len(rows)} rows, {len(wrong)}, {len(predicted)}, {len(entropy)}"
        )
    across = min(_ACROSS, len(rows))
    lines = -(-len(rows) // across)
    width = across * (_CELL + _GAP) + _GAP
    height = _TITLE + lines * (_CELL + _CAPTION + _GAP) + _GAP
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    title = "hardest target images: label, → prediction, entropy in nats" if across > 3 else "hardest target images"
    figure.text(_GAP / width, 1 - 0.12 / height, title, va="top", fontsize=9, color=PALE)
    for position, row in enumerate(map(int, rows)):
        line, column = divmod(position, across)
        left, top = _GAP + column * (_CELL + _GAP), height - _TITLE - line * (_CELL + _CAPTION + _GAP)
        image = np.asarray(target.load(row))
        axes = figure.add_axes((left / width, (top - _CELL) / height, _CELL / width, _CELL / height))
        show_image(axes, image, _CELL * _DPI, (WRONG, 2.5) if wrong[row] else (HAIR, 0.6))
        said = shortened(str(target.class_names[int(predicted[row])]), 18)
        words = (
            (shortened(label_of(target, row)), 8, INK),
            (f"→ {said}", 8, WRONG if wrong[row] else RIGHT),
            (f"{float(entropy[row]):.3f}", 7, PALE),
        )
        for number, (text, size, color) in enumerate(words):
            below = (top - _CELL - 0.06 - 0.15 * number) / height
            middle = (left + _CELL / 2) / width
            figure.text(middle, below, text, ha="center", va="top", fontsize=size, color=color, parse_math=False)
    return pixels_of(figure)
