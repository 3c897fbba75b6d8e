"""A heat map laid over its image: where a class was seen."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

_OPACITY = 0.55
_COLORS = "inferno"  # brightness grows with heat all along, for every kind of color vision and in print


def overlay(image: np.ndarray, heat: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """The image in gray under the colors of its heat map, dark where it is coldest and bright where it is hottest.

    Args:
        image: uint8 [H, W, 3].
        heat: float [h, w] of any range; resized bilinearly to the image. Values that are not finite count as the
            coldest.
        low: the heat shown as the coldest; the least there is when not given.
        high: the heat shown as the hottest, likewise; one scale for several maps makes them comparable.

    Returns:
        uint8 [H, W, 3].

    Raises:
        ValueError: another type or shape.

    Example:
        >>> overlay(np.zeros([32, 48, 3], np.uint8), np.eye(4)).shape
        (32, 48, 3)
    """
    image, heat = np.asarray(image), np.asarray(heat, np.float64)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"`image` must be uint8 [H, W, 3]. Received: {image.dtype} {list(image.shape)}")
    if heat.ndim != 2 or not heat.size:
        raise ValueError(f"`heat` must be float [h, w]. Received: {list(heat.shape)}")
    known = heat[np.isfinite(heat)]
    low = float(known.min(initial=np.inf) if low is None else low) if known.size else 0.0
    high = float(known.max(initial=-np.inf) if high is None else high) if known.size else 0.0
    # Divided before it is subtracted: the difference of the largest floats is none.
    scale = max(abs(low), abs(high), np.finfo(np.float64).tiny)
    spread = high / scale - low / scale
    level = np.clip((np.where(np.isfinite(heat), heat, low) / scale - low / scale) / (spread or 1.0), 0, 1)
    height, width = image.shape[:2]
    smooth = Image.fromarray(level.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    colors = _palette()[np.round(255 * np.clip(np.asarray(smooth), 0, 1)).astype(np.int64)]
    gray = image @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as everywhere
    return np.round((1 - _OPACITY) * gray[..., None] + _OPACITY * colors).astype(np.uint8)


@functools.cache
def _palette() -> np.ndarray:
    """Float64 [256, 3], 0..255, from cold to hot."""
    from matplotlib import colormaps

    return 255 * colormaps[_COLORS](np.linspace(0, 1, 256))[:, :3]
