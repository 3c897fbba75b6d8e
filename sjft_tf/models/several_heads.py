"""A head of sigmoids on frozen features: a logistic regression for each class, fitted as softmax heads are."""

from __future__ import annotations

import numpy as np

from sjft_tf.models.class_weights import balanced_weights
from sjft_tf.models.convex_head import Scaling
from sjft_tf.models.softmax_head import SoftmaxHead, fit_by_folds, fit_softmax_head


def fit_several_labels(features: np.ndarray, truth: np.ndarray, scaling: Scaling, by_folds: bool) -> SoftmaxHead:
    """One class against all that are not of it, C times; each finds the strength of its L2 by itself.

    A softmax of two classes is the sigmoid of the difference of their logits, so that the weights are differences. L2
    holds the bias back too, which a rare class would need: so both sides are fitted as if they were equally frequent,
    and how frequent they are, a difference of the bias alone, is added to it (King & Zeng 2001, prior correction).

    Args:
        features: float32 [N, F].
        truth: bool [N, C], the classes that each image is of.
        scaling: of the features.
        by_folds: by `fit_by_folds`, for few images; else by `fit_softmax_head`.

    Returns:
        A head whose `dense()` gives the logits of sigmoids (and whose `log_probabilities` mean nothing); its `l2` is
        the median of the classes' and its `accuracy` the mean over them, before frequencies are added.

    Raises:
        InputError: the loss is not a number.

    Example:
        >>> features = np.eye(6, dtype=np.float32)
        >>> truth = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [0, 0]], bool)
        >>> fit_several_labels(features, truth, Scaling.of(features, np.arange(6)), by_folds=True).dense()[0].shape
        (6, 2)
    """
    fit = fit_by_folds if by_folds else fit_softmax_head
    truth = np.asarray(truth)
    sides = [own.astype(np.int64) for own in truth.T]
    heads = [fit(features, side, 2, scaling, balanced_weights(side, 2)) for side in sides]
    weights = np.stack([head.weights[:, 1] - head.weights[:, 0] for head in heads], axis=1)
    weights[-1] += log_odds(truth)
    judged = [head.accuracy for head in heads if head.held_out]
    return SoftmaxHead(
        weights,
        scaling,
        float(np.median([head.l2 for head in heads])),
        max(head.held_out for head in heads),
        float(np.mean(judged)) if judged else float("nan"),
    )


def log_odds(truth: np.ndarray) -> np.ndarray:
    """log p / (1 - p) of how frequent each class of bool [N, C] is, half an image of either kind added: float64 [C]."""
    there, count = np.asarray(truth).sum(axis=0), len(truth)
    return np.log((there + 0.5) / (count - there + 0.5))
