"""What all pictures share: a figure becomes pixels, and the colors."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

INK, PALE, HAIR = "#222222", "#777777", "#dddddd"
WRONG, RIGHT = "#d1495b", "#2a6f97"


@contextlib.contextmanager
def any_script() -> Iterator[None]:
    """Names in a script the font lacks come out as boxes, without a warning: the picture is still worth having."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def pixels_of(figure: Any) -> np.ndarray:
    """Draws a matplotlib `Figure` (of the object interface) as uint8 [H, W, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    with any_script():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
