"""Co-Tuning: which source classes a target class looks like, for the source head to learn on target images.

You et al. 2020, "Co-Tuning for Transfer Learning" (NeurIPS). A classifier of the source's classes looks at target
images and gives each class y_s a probability, calibrated on source images it has not learned from. From these a
logistic regression learns the target's classes; asked for an image that is wholly of y_s it gives p(y_t | y_s), and

    p(y_s | y_t) = p(y_t | y_s) p(y_s) / sum over s of the same,

with p(y_s) the mean probability of y_s over the target images. The source head is then taught p(y_s | y_t) by cross
entropy, beside what else is trained.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from sjft_tf.errors import InputError
from sjft_tf.models.convex_head import Scaling
from sjft_tf.models.softmax_head import fit_by_folds

COLDEST, HOTTEST = 0.05, 20.0
"""Limits of the temperature."""
TELLING = 0.2
"""A source whose classes tell less than this part of what the trunk's features tell of the target is not related."""


class CoTuning(NamedTuple):
    """The third term of a step's loss.

    Attributes:
        weight: of the term, which is a mean over the target rows.
        relationship: p(y_s | y_t), float32 [C_t, C_s].
    """

    weight: float
    relationship: np.ndarray


class Relationship(NamedTuple):
    """How target classes and source classes belong together.

    Attributes:
        source_given_target: p(y_s | y_t), float32 [C_t, C_s], rows sum to 1.
        l2: strength of the regression's regularization.
        accuracy: share of the held-out target images whose class it tells from source probabilities; NaN without any.
    """

    source_given_target: np.ndarray
    l2: float
    accuracy: float


def related(accuracy: float, features_accuracy: float, num_classes: int) -> bool:
    """Whether source classes tell enough of target classes for Co-Tuning to be of use.

    Both accuracies are those above chance. Where no image could judge, it is taken for granted.

    Args:
        accuracy: share of held-out target images whose class the probabilities of source classes tell.
        features_accuracy: likewise of a linear head on the trunk's features.
        num_classes: C_t.

    Example:
        >>> related(0.16, 0.34, 102), related(0.05, 0.34, 102)
        (True, False)
    """
    chance = 1 / num_classes
    return not accuracy - chance < TELLING * (features_accuracy - chance)


def temperature(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """What logits are divided by for the lowest cross entropy (Guo et al. 2017, section 4.2); 1 without images.

    Args:
        log_probabilities: float [N, C], or logits; of images that were not learned from.
        labels: int [N].
    """
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        logits = log_probabilities / np.exp(log_temperature)
        return float((logsumexp(logits, axis=1) - logits[rows, labels]).mean())

    limits = (np.log(COLDEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=limits, method="bounded").x))


def class_relationship(probabilities: np.ndarray, labels: np.ndarray, num_classes: int) -> Relationship:
    """p(y_s | y_t) from what a calibrated classifier of the source makes of target images.

    The regression's inputs are the probabilities, scaled but not shifted, so that it can be asked for a whole one; its
    L2 is chosen by folds of the images.

    Args:
        probabilities: float [N, C_s], rows sum to 1.
        labels: int [N], target classes.
        num_classes: C_t.

    Raises:
        InputError: the probabilities are not finite.
    """
    p = np.asarray(probabilities, np.float64)
    if not np.isfinite(p).all():
        raise InputError("The source head's probabilities hold NaN or infinite numbers: the trunk's weights diverged")
    scaling = Scaling(np.zeros(p.shape[1]), float(np.sqrt(p.size / np.square(p).sum())))
    head = fit_by_folds(p, labels, num_classes, scaling)
    # Row s of the kernel, with the bias, is the answer to an image that is wholly of class s.
    target_given_source = softmax(head.weights[:-1] * scaling.factor + head.weights[-1], axis=1)
    return Relationship(bayes(target_given_source, p.mean(axis=0)).astype(np.float32), head.l2, head.accuracy)


def bayes(target_given_source: np.ndarray, source: np.ndarray) -> np.ndarray:
    """p(y_s | y_t), float64 [C_t, C_s], from p(y_t | y_s), float [C_s, C_t], and p(y_s), float [C_s]."""
    joint = np.asarray(target_given_source, np.float64).T * source
    return joint / joint.sum(axis=1, keepdims=True)
