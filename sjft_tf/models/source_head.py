"""A convex softmax head on frozen features, fitted in a few minutes: a classifier for a trunk that came without one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.errors import InputError
from sjft_tf.models.convex_head import Scaling, strongest_to_weakest

log = logging.getLogger(__name__)

STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
"""L2 that is tried, from strong to weak, for features whose mean squared norm is their number."""
STEPS = 40
"""L-BFGS iterations for each strength, the next one beginning where the last one ended."""
HELD_OUT = 10
"""One of so many images of a class judges the strength."""
_ROWS = 4096


@dataclass(frozen=True)
class SourceHead:
    """Softmax of scaled features.

    Attributes:
        weights: float64 [F + 1, C], bias in the last row.
        scaling: of the features.
        l2: strength of the regularization.
        held_out: images that judged it.
        accuracy: share of these that are right; NaN without any.
    """

    weights: np.ndarray
    scaling: Scaling
    l2: float
    held_out: int
    accuracy: float

    def mean_probability(self, features: np.ndarray) -> np.ndarray:
        """Mean probability of each class over `features` float [N, F]: float64 [C]."""
        total = np.zeros(self.weights.shape[1])
        for begin in range(0, len(features), _ROWS):
            total += np.exp(self._logs(features[begin : begin + _ROWS])).sum(axis=0)
        return total / len(features)

    def _logs(self, features: np.ndarray) -> np.ndarray:
        inputs = (np.asarray(features, np.float64) - self.scaling.mean) * self.scaling.factor
        return log_softmax(inputs @ self.weights[:-1] + self.weights[-1], axis=1)


def fit_source_head(features: np.ndarray, labels: np.ndarray, num_classes: int, scaling: Scaling) -> SourceHead:
    """Minimizes mean cross entropy + l2/2 ||W||^2 (bias included) by L-BFGS, for the l2 that suits held-out images.

    Every tenth image of a class is held out. From strong to weak l2, each fit goes on from the one before for at most
    `STEPS` iterations, until the held-out loss rises; the head with the lowest is returned. Stopped before the minimum
    it is a little more regularized than l2 says. Products are float32 on whatever device there is, sums float64; one
    pass over the images costs 4 F C multiplications and additions each.

    Args:
        features: float32 [N, F]; may be memory-mapped.
        labels: int [N].
        num_classes: C.
        scaling: of the features.

    Raises:
        InputError: the loss is not a number.
    """
    held = _held_out(labels, num_classes)
    train, judges = np.flatnonzero(~held), np.flatnonzero(held)
    objective = _Objective(features, labels, train, num_classes, scaling)
    weights, passes = np.zeros(objective.shape), 0

    def fit(l2: float) -> tuple[SourceHead, float]:
        nonlocal weights, passes
        minimum = minimize(
            objective,
            weights.ravel(),
            args=(l2,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-6, "gtol": 1e-6},
        )
        weights, passes = minimum.x.reshape(objective.shape), passes + minimum.nfev
        if not np.isfinite(minimum.fun):
            raise InputError("The loss of the source head is not a number: the trunk's weights have diverged")
        head = SourceHead(weights, scaling, l2, len(judges), np.nan)
        loss, accuracy = _judge(head, features, labels, judges)
        return replace(head, accuracy=accuracy), loss

    best, _ = strongest_to_weakest(STRENGTHS if len(judges) else (0.3,), fit)
    log.info(
        "source head: l2 %g, right on %.1f %% of %d held-out source images; %d passes over %d images",
        best.l2,
        100 * best.accuracy,
        len(judges),
        passes,
        len(train),
    )
    return best


def _held_out(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """bool [N]: every tenth image of a class, or of smaller classes the last; none where no class has two images."""
    counts = np.bincount(labels, minlength=num_classes)
    order = np.argsort(labels, kind="stable")
    position = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # of an image in its class
    every = max(2, min(HELD_OUT, int(counts.max())))
    held = np.zeros(len(labels), bool)
    held[order] = position % every == every - 1
    return held


def _judge(head: SourceHead, features: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Mean loss and accuracy on these rows; 0 and NaN without any."""
    loss, hits = 0.0, 0
    for part in _parts(rows):
        logs = head._logs(features[part])
        loss -= float(logs[np.arange(len(part)), labels[part]].sum())
        hits += int((logs.argmax(axis=1) == labels[part]).sum())
    return (loss / len(rows), hits / len(rows)) if len(rows) else (0.0, float("nan"))


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(rows), _ROWS):
        yield rows[begin : begin + _ROWS]


class _Objective:
    """Value and gradient at flat weights, for scipy."""

    def __init__(
        self, features: np.ndarray, labels: np.ndarray, rows: np.ndarray, num_classes: int, scaling: Scaling
    ) -> None:
        self._features, self._labels, self._rows = features, np.asarray(labels, np.int32), rows
        self.shape = (features.shape[1] + 1, num_classes)
        shift, scale = tf.constant(scaling.mean, tf.float32), tf.constant(scaling.factor, tf.float32)

        @tf.function(reduce_retracing=True)
        def part(images: tf.Tensor, wanted: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            inputs = (images - shift) * scale
            logs = tf.nn.log_softmax(tf.matmul(inputs, weights[:-1]) + weights[-1])
            hot = tf.one_hot(wanted, num_classes)
            errors = tf.exp(logs) - hot
            return -tf.reduce_sum(logs * hot), tf.matmul(inputs, errors, transpose_a=True), tf.reduce_sum(errors, 0)

        self._part = part

    def __call__(self, flat: np.ndarray, l2: float) -> tuple[float, np.ndarray]:
        weights = flat.reshape(self.shape)
        narrow = tf.constant(weights, tf.float32)
        loss, gradient = 0.0, np.zeros(self.shape)
        for rows in _parts(self._rows):
            value, kernel, bias = self._part(self._features[rows], self._labels[rows], narrow)
            loss += float(value)
            gradient[:-1] += kernel.numpy()
            gradient[-1] += bias.numpy()
        count = len(self._rows)
        value = loss / count + 0.5 * l2 * float(np.vdot(weights, weights))
        return value, (gradient / count + l2 * weights).ravel()
