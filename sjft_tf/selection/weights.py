"""Weights of source classes or images, and the pool that follows from them: rows of which a uniform draw is taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ClassWeights(NamedTuple):
    """Weights of the source's classes.

    Attributes:
        target: float64 [C], the share of all draws that the target asks of each class; sums to 1.
        source: float64 [C], the share of the source's images that each class has; sums to 1.
        weight: float64 [C], target / source: what one image of the class counts; 0 for a class without images.
    """

    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray

    @classmethod
    def of_shares(cls, target: np.ndarray, source_labels: np.ndarray) -> ClassWeights:
        """The weights of these shares.

        Args:
            target: float [C], finite, not negative, not all 0 in classes with images; need not sum to 1. What it gives
                classes without images is spread over the others in proportion.
            source_labels: int [N_s], from 0 to C - 1.
        """
        counts = np.bincount(source_labels, minlength=len(target))
        shares = np.where(counts > 0, np.asarray(target, np.float64), 0.0)
        shares, source = shares / shares.sum(), counts / counts.sum()
        return cls(shares, source, np.divide(shares, source, out=np.zeros_like(shares), where=counts > 0))


class ImageWeights(NamedTuple):
    """Weights of the source's images.

    Attributes:
        weight: float64 [N_s], finite; the larger, the sooner an image is taken. May be negative.
        target_class: int32 [N_s], the class of the target that it is taken for.
    """

    weight: np.ndarray
    target_class: np.ndarray


def quotas(shares: np.ndarray, size: int) -> np.ndarray:
    """Whole numbers in proportion to `shares` [C] that sum to `size`, int64 [C].

    What is left after rounding down goes to the largest fractions, of equal ones to the first.
    """
    exact = np.asarray(shares, np.float64) * size
    numbers = np.floor(exact).astype(np.int64)
    numbers[np.argsort(numbers - exact, kind="stable")[: size - numbers.sum()]] += 1
    return numbers


def pool_of_class_weights(weights: ClassWeights, source_labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Source rows from which a uniform draw gives classes in proportion to `target`, within a class every image alike.

    Of each class as many places as its quota says are filled with its images in a random order, from the beginning
    again where the class has fewer images: no image comes more than once more often than another of its class. A
    class whose share is less than a place may get none.

    Args:
        weights: of the classes.
        source_labels: int [N_s].
        size: M, places.
        seed: of the order.

    Returns:
        int32 [M], ascending.
    """
    order = np.random.default_rng(seed).permutation(len(source_labels)).astype(np.int32)
    labels = np.asarray(source_labels)[order]
    parts = []
    for label, quota in enumerate(quotas(weights.target, size)):
        if quota:
            parts.append(np.resize(order[labels == label], quota))
    return np.sort(np.concatenate(parts))


def pool_of_image_weights(weights: ImageWeights, size: int) -> np.ndarray:
    """The source rows of the largest weights, each once; of equal ones the first.

    Args:
        weights: of the images.
        size: M; all images if there are fewer.

    Returns:
        int32 [M], ascending.
    """
    return np.sort(np.argsort(-weights.weight, kind="stable")[:size]).astype(np.int32)
