"""How good settings are on their validation images, and how far one is ahead of another, with standard errors.

Two settings are compared image by image, as their trials are judged by the same images with the same seeds: what is
hard for both, or luck of the draw for both, cancels. Standard errors are of a weighted mean and count images and
trainings as drawn at random (Cameron, Gelbach & Miller 2011, "Robust inference with multiway clustering", two ways):

    V = V(images) + V(trainings) - V(images and trainings)
    V(by groups) = G / (G - 1) sum_g (sum_{i in g} w_i (x_i - m))^2

where m is the mean and w_i its weights, which add up to 1. It is not taken below V(images) or V(trainings), which few
trainings would allow by chance; a single training tells nothing of V(trainings), which then counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.evaluation import Outcomes


class Estimate(NamedTuple):
    """A mean and its standard error, infinite where a single image is all there is."""

    value: float
    error: float

    def above(self, errors: float) -> bool:
        """Whether it lies above 0 by more than so many standard errors."""
        # Sums of the same numbers in another order are equal.
        return self.value > errors * self.error + 1e-12


class Standing(NamedTuple):
    """Mean class accuracy (0..1) and loss (nats), of settings or of the difference of two, over all their trials."""

    accuracy: Estimate
    loss: Estimate


def standing(trials: Sequence[Outcomes]) -> Standing:
    """What a setting reached in its trials; images of all trials count together.

    Args:
        trials: of one training each, at least one.
    """
    return _standing(trials, [each.right.astype(np.float64) for each in trials], [each.loss for each in trials])


def difference(ours: Sequence[Outcomes], theirs: Sequence[Outcomes]) -> Standing:
    """How much larger our accuracy and loss are, paired, over the trials that both have.

    Args:
        ours, theirs: trials in the same order of judges; the shorter one's number is compared, at least one.

    Raises:
        InputError: two trials of the same judge were judged by other images.
    """
    pairs = list(zip(ours, theirs, strict=False))
    for a, b in pairs:
        if not (np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)):
            raise InputError(
                "Two trials of a comparison with the same seed were judged by other images. Remove the runs/ folder in "
                "its workdir and start the same command again."
            )
    right = [a.right.astype(np.float64) - b.right for a, b in pairs]
    return _standing([a for a, _ in pairs], right, [a.loss - b.loss for a, b in pairs])


def _standing(trials: Sequence[Outcomes], right: Sequence[np.ndarray], loss: Sequence[np.ndarray]) -> Standing:
    labels = np.concatenate([each.labels for each in trials])
    images = np.concatenate([each.images for each in trials])
    trainings = np.repeat(np.arange(len(trials)), [len(each.labels) for each in trials])
    _, of_class, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    alike = np.full(len(labels), 1 / len(labels))
    return Standing(
        _estimate(np.concatenate(right), 1 / (len(sizes) * sizes[of_class]), images, trainings),
        _estimate(np.concatenate(loss), alike, images, trainings),
    )


def _estimate(values: np.ndarray, weights: np.ndarray, images: np.ndarray, trainings: np.ndarray) -> Estimate:
    mean = float(values @ weights)
    parts = weights * (values - mean)
    of_images, of_trainings = _variance(parts, images), _variance(parts, trainings)
    if of_images is None:
        return Estimate(mean, float("inf"))
    if of_trainings is None:
        return Estimate(mean, of_images**0.5)
    both = len(parts) / (len(parts) - 1) * float(parts @ parts)
    return Estimate(mean, max(of_images, of_trainings, of_images + of_trainings - both) ** 0.5)


def _variance(parts: np.ndarray, groups: np.ndarray) -> float | None:
    """V(by groups); None for a single group."""
    _, number = np.unique(groups, return_inverse=True)
    sums = np.bincount(number, parts)
    return len(sums) / (len(sums) - 1) * float(sums @ sums) if len(sums) > 1 else None
