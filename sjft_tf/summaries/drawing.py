"""What all pictures share: a figure becomes pixels, and the colors."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE, HAIR = "#222222", "#777777", "#dddddd"
WRONG, RIGHT = "#d1495b", "#2a6f97"


class LabeledImages(Protocol):
    """What pictures need of an `images.ImageSet`."""

    @property
    def labels(self) -> np.ndarray:
        """Int [N], positions in `class_names`."""

    @property
    def class_names(self) -> Sequence[str]:
        """Names of the classes."""

    def load(self, index: int, /) -> np.ndarray:
        """One image, uint8 [H, W, 3]."""


def label_of(images: LabeledImages, row: int) -> str:
    """The class of an image in words; where it may have several, all of them."""
    text = getattr(images, "label_text", None)
    return str(images.class_names[int(images.labels[row])]) if text is None else str(text(row))


@contextlib.contextmanager
def any_script() -> Iterator[None]:
    """Names in a script the font lacks come out as boxes, without a warning: the picture is still worth having."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def pixels_of(figure: Figure) -> np.ndarray:
    """Draws a matplotlib `Figure` (of the object interface) as uint8 [H, W, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    with any_script():
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def show_image(axes: Axes, image: np.ndarray, cell_pixels: float, frame: tuple[str, float]) -> None:
    """Shows an image [H, W, 3] in a frame (color, line width), without ticks.

    One that is no larger than its cell is enlarged without smoothing, so that every pixel is seen as it is.
    """
    axes.imshow(image, interpolation="nearest" if max(image.shape[:2]) <= cell_pixels else "hanning")
    axes.set(xticks=[], yticks=[])
    color, width = frame
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=width)
