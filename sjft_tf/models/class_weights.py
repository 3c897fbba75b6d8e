"""How much the images of each class weigh, so that rare classes count as much as frequent ones."""

from __future__ import annotations

import numpy as np


def balanced_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Of each class N / (C n_c): every class then has the same share of a loss summed over the images.

    As scikit-learn's `class_weight="balanced"` (King & Zeng, Logistic Regression in Rare Events Data, 2001); the mean
    weight of the images is 1. C counts the classes that have images, N images have labels, n_c of them class c.

    Args:
        labels: int [N]; what is negative has no class and does not count.
        num_classes: length of the answer.

    Returns:
        float64 [num_classes]; 0 for a class without images.

    Example:
        >>> balanced_weights(np.array([0, 0, 0, 1]), 3).round(3).tolist()
        [0.667, 2.0, 0.0]
    """
    counts = np.bincount(labels[labels >= 0], minlength=num_classes)
    present = counts > 0
    weights = np.zeros(num_classes)
    weights[present] = counts.sum() / (np.count_nonzero(present) * counts[present])
    return weights
