"""Heat maps of test images as PNG files: the image with its boxes, and a map of each class that it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sjft_tf import artifacts
from sjft_tf.images import ObjectSet
from sjft_tf.patches import PatchModel, peaks
from sjft_tf.summaries import overlay
from sjft_tf.words import one_line

_SHORTER = 224  # pixels that a smaller image is enlarged to
_LONGEST = 640
_MOST = 4  # classes shown
_LINE = 16
_GREEN, _RED, _WHITE = (60, 220, 90), (255, 70, 70), (255, 255, 255)


def draw_heat_maps(model: PatchModel, objects: ObjectSet, rows: Sequence[int], folder: Path) -> list[Path]:
    """Writes a picture for each of these images; earlier ones are replaced, others removed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row in rows:
        image = objects.images.load(row).numpy()
        path = folder / f"{row:06d}.png"
        with artifacts.atomic_write(path) as stream:
            Image.fromarray(heat_picture(image, model(image)[1], *objects.objects(row), objects.class_names)).save(
                stream, format="PNG", optimize=True
            )
        paths.append(path)
    for other in set(folder.glob("[0-9]*.png")) - set(paths):
        other.unlink()
    return paths


def heat_picture(
    image: np.ndarray, heat: np.ndarray, classes: np.ndarray, boxes: np.ndarray | None, class_names: Sequence[str]
) -> np.ndarray:
    """One row: the image, then the map of each of its classes; boxes green, where the map is highest a red ring.

    Args:
        image: uint8 [H, W, 3].
        heat: float32 [h, w, C].
        classes: int [n], of the objects.
        boxes: float [n, 4] in pixels; None: not known.
        class_names: C names.

    Returns:
        uint8 [H', W', 3].
    """
    height, width = image.shape[:2]
    factor = min(max(1.0, _SHORTER / min(height, width)), _LONGEST / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    large = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    panels = [_panel(large, "", boxes, factor, None)]
    highest = peaks(heat, height, width)
    for c in list(dict.fromkeys(classes.tolist()))[:_MOST]:
        own = None if boxes is None else boxes[classes == c]
        panels.append(_panel(overlay(large, heat[..., c]), one_line(class_names[c]), own, factor, highest[c]))
    return np.concatenate(panels, axis=1)


def _panel(
    image: np.ndarray, title: str, boxes: np.ndarray | None, factor: float, point: np.ndarray | None
) -> np.ndarray:
    height, width = image.shape[:2]
    canvas = Image.new("RGB", (width + 4, height + _LINE + 2), (32, 32, 32))
    canvas.paste(Image.fromarray(image), (0, _LINE))
    draw = ImageDraw.Draw(canvas)
    draw.text((3, 2), title.encode("latin-1", "replace").decode("latin-1")[: width // 7], _WHITE)
    for x0, y0, x1, y1 in () if boxes is None else boxes * factor:
        draw.rectangle((x0, y0 + _LINE, max(x0, x1 - 1), max(y0, y1 - 1) + _LINE), outline=_GREEN, width=2)
    if point is not None:
        x, y = point * factor
        draw.ellipse((x - 5, y - 5 + _LINE, x + 5, y + 5 + _LINE), outline=_RED, width=2)
    return np.asarray(canvas)
