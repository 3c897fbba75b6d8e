"""What is done to features before a linear classifier sees them. NumPy only."""

from __future__ import annotations

import numpy as np

LEAST_LENGTH = 1e-12
"""Shorter vectors are not stretched to unit length."""


def signed_power(features: np.ndarray, power: float) -> np.ndarray:
    """sign(x) |x|^p of each number (Razavian et al. 2014): of p below 1 large responses count less.

    Args:
        features: float [..., F].
        power: p, above 0; 1 changes nothing.

    Example:
        >>> signed_power(np.array([-4.0, 0.0, 9.0]), 0.5).tolist()
        [-2.0, 0.0, 3.0]
    """
    return features if power == 1.0 else np.sign(features) * np.abs(features) ** power


def unit_length(features: np.ndarray) -> np.ndarray:
    """Vectors, float [..., F], divided by their Euclidean length."""
    length = np.sqrt(np.square(features).sum(axis=-1, keepdims=True))
    return features / np.maximum(length, LEAST_LENGTH)


def dropped(features: np.ndarray, rate: float, seed: int) -> np.ndarray:
    """Features of which a share was set to 0 at random and the rest scaled up, as dropout in training (DeCAF, 2014).

    Args:
        features: float [N, F].
        rate: the share, in [0, 1); 0 changes nothing.
        seed: of the draw.
    """
    if not rate:
        return features
    kept = np.random.default_rng(seed).random(features.shape, np.float32) >= rate
    return np.where(kept, features / np.float32(1 - rate), 0).astype(features.dtype)
