"""Domain-adaptive transfer: source classes count as the target is taken for them (Ngiam et al. 2018, 1811.07056).

A classifier of the source's classes looks at the target. With P_t(y) the mean probability it gives class y there, and
P_s(y) the share of the source's images that have label y, an image of class y has the importance

    w(y) = P_t(y) / P_s(y)

Drawn in proportion to w of their class, the images of class y are drawn in proportion to w(y) P_s(y) = P_t(y) together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sjft_tf.errors import InputError


class ClassWeights(NamedTuple):
    """Importance of the source's classes.

    Attributes:
        target: float64 [C], P_t, sums to 1.
        source: float64 [C], P_s, sums to 1.
        weight: float64 [C], w; 0 for a class without images.
    """

    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray


def class_weights(target_probability: np.ndarray, source_labels: np.ndarray) -> ClassWeights:
    """w(y) = P_t(y) / P_s(y).

    Args:
        target_probability: float [C], mean probability of each source class over the target images. What it gives
            classes without source images is spread over the others in proportion.
        source_labels: int [N_s], from 0 to C - 1.

    Raises:
        InputError: probabilities that are negative or not finite, or nothing is left of them.
    """
    probability = np.asarray(target_probability, np.float64)
    counts = np.bincount(source_labels, minlength=len(probability))
    probability = np.where(counts > 0, probability, 0.0)
    total = probability.sum()
    if not np.isfinite(total) or total <= 0 or probability.min() < 0:
        raise InputError("The source head gives the target no probabilities: the trunk's weights have diverged")
    target, source = probability / total, counts / counts.sum()
    return ClassWeights(target, source, np.divide(target, source, out=np.zeros_like(target), where=counts > 0))


def quotas(shares: np.ndarray, size: int) -> np.ndarray:
    """Whole numbers in proportion to `shares` [C] that sum to `size`, int64 [C].

    What is left after rounding down goes to the largest fractions, of equal ones to the first.
    """
    exact = np.asarray(shares, np.float64) * size
    numbers = np.floor(exact).astype(np.int64)
    numbers[np.argsort(numbers - exact, kind="stable")[: size - numbers.sum()]] += 1
    return numbers


def importance_pool(target: np.ndarray, source_labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Source rows from which a uniform draw gives classes in proportion to P_t and within a class every image alike.

    Of each class as many places as its quota says are filled with its images in a random order, from the beginning
    again where the class has fewer images: no image comes more than once more often than another of its class.

    Args:
        target: P_t, float64 [C], 0 for classes without images.
        source_labels: int [N_s].
        size: M, places.
        seed: of the order.

    Returns:
        int32 [M], ascending.
    """
    order = np.random.default_rng(seed).permutation(len(source_labels)).astype(np.int32)
    labels = np.asarray(source_labels)[order]
    parts = []
    for label, quota in enumerate(quotas(target, size)):
        if quota:
            parts.append(np.resize(order[labels == label], quota))
    return np.sort(np.concatenate(parts))
