"""A convex softmax head on frozen features, fitted in seconds to minutes: a classifier where a trunk has none yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax

from sjft_tf.errors import InputError
from sjft_tf.models.convex_head import Scaling, strongest_to_weakest
from sjft_tf.models.lbfgs import lbfgs

log = logging.getLogger(__name__)

STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
"""L2 that is tried, from strong to weak, for features whose mean squared norm is their number."""
UNJUDGED = 0.3
"""L2 where no class has a second image that could judge it."""
STEPS = 40
"""L-BFGS iterations for each strength, the next one beginning where the last one ended."""
TOLERANCE = 3e-4
"""Relative gain of an iteration below which a fit ends."""
HELD_OUT = 10
"""One of so many images of a class judges the strength."""
FOLDS = 5
"""Parts of few images, each of which judges once."""
_DIVERGED = "The loss of a softmax head is not a number: the trunk's weights have diverged"
_ROWS = 4096
_KEPT_BYTES = 512 << 20  # of scaled features: more are read and scaled anew in every pass


@dataclass(frozen=True)
class SoftmaxHead:
    """Softmax of scaled features.

    Attributes:
        weights: float64 [F + 1, C], bias in the last row.
        scaling: of the features.
        l2: strength of the regularization.
        held_out: images that judged it.
        accuracy: share of these that are right; NaN without any.
        temperature: what its logits are divided by, so that held-out images get probabilities that can be believed; 1
            where none is left that the head has not learned from.
    """

    weights: np.ndarray
    scaling: Scaling
    l2: float
    held_out: int
    accuracy: float
    temperature: float = 1.0

    def mean_probability(self, features: np.ndarray) -> np.ndarray:
        """Mean probability of each class over `features` float [N, F]: float64 [C]."""
        total = np.zeros(self.weights.shape[1])
        for begin in range(0, len(features), _ROWS):
            total += np.exp(self.log_probabilities(features[begin : begin + _ROWS])).sum(axis=0)
        return total / len(features)

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each class for `features` float [N, F]: float64 [N, C]."""
        inputs = (np.asarray(features, np.float64) - self.scaling.mean) * self.scaling.factor
        # TensorFlow's product: NumPy's threads and its own get into each other's way.
        return log_softmax(tf.matmul(inputs, self.weights[:-1]).numpy() + self.weights[-1], axis=1)

    def summary(self) -> str:
        """A line for the log."""
        right = f"right on {self.accuracy:.1%} of {self.held_out} held-out images" if self.held_out else "none held out"
        return f"l2 {self.l2:g}, {right}"

    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel float32 [F, C] and bias float32 [C] of the dense layer that does the same to unscaled features."""
        kernel = self.weights[:-1] * self.scaling.factor
        bias = self.weights[-1] - self.scaling.mean @ kernel
        return kernel.astype(np.float32), bias.astype(np.float32)


def fit_softmax_head(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    scaling: Scaling,
    class_weights: np.ndarray | None = None,
) -> SoftmaxHead:
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
        class_weights: float [C], what the cross entropy of an image, whether it trains or judges, is multiplied by;
            None: all are 1.

    Raises:
        InputError: the loss is not a number.
    """
    held = held_out_rows(labels, num_classes)
    weights = np.ones(num_classes) if class_weights is None else class_weights
    fold = _Fold(features, labels, held, weights, scaling)

    def fit(l2: float) -> tuple[SoftmaxHead, float]:
        head = fold.fit(l2)
        loss, hits = fold.judge(head)
        count = max(1, len(fold.judges))
        return replace(head, accuracy=hits / count if len(fold.judges) else np.nan), loss / count

    best, _ = strongest_to_weakest(STRENGTHS if len(fold.judges) else (UNJUDGED,), fit)
    log.info("softmax head: %d passes over %d images", fold.passes, len(fold.train))
    return best


def fit_by_folds(
    features: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    scaling: Scaling,
    class_weights: np.ndarray | None = None,
) -> SoftmaxHead:
    """As `fit_softmax_head`, for few images: each judges once, and all train the head that is returned.

    The images of every class are dealt to folds: `FOLDS`, or as many as the smallest class that can be divided has.
    All folds walk from strong to weak l2, each from where it was, until the mean of their held-out losses rises.
    A class with one image is in no fold: it always trains, and judges never.

    Args:
        features, labels, num_classes, scaling, class_weights: see `fit_softmax_head`.

    Raises:
        InputError: the loss is not a number.
    """
    inputs, basis = _in_their_span(features, scaling)
    unscaled, dealt = Scaling(np.zeros(inputs.shape[1]), 1.0), deal(labels, num_classes)
    of_classes = np.ones(num_classes) if class_weights is None else class_weights

    def part(held: np.ndarray) -> _Fold:
        return _Fold(inputs, labels, held, of_classes, unscaled)

    folds = [part(dealt == number) for number in range(int(dealt.max(initial=-1)) + 1)]
    judges = sum(len(fold.judges) for fold in folds)

    def fit(l2: float) -> tuple[tuple[float, float], float]:
        judged = [fold.judge(fold.fit(l2)) for fold in folds]
        loss = float(np.mean([loss / len(fold.judges) for (loss, _), fold in zip(judged, folds, strict=True)]))
        return (l2, sum(hits for _, hits in judged) / judges), loss

    (l2, accuracy), _ = strongest_to_weakest(STRENGTHS, fit) if folds else ((UNJUDGED, np.nan), 0.0)
    whole = part(np.zeros(len(labels), bool))
    for strength in (*(s for s in STRENGTHS if s > l2), l2):
        head = whole.fit(strength)
    weights = np.concatenate([basis @ head.weights[:-1], head.weights[-1:]])
    return SoftmaxHead(weights, scaling, l2, judges, accuracy)


def _in_their_span(features: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
    """Scaled features as coordinates in the space they span, float32 [N, R], and its orthonormal basis [F, R].

    The best weights lie in it, and L2 does not change: fewer images than features make a smaller problem of the same.
    """
    scaled = (np.asarray(features, np.float64) - scaling.mean) * scaling.factor
    if not np.isfinite(scaled).all():
        raise InputError(_DIVERGED)
    count, width = scaled.shape
    if 2 * count > width:
        return scaled.astype(np.float32), np.eye(width)
    basis, triangle = tf.linalg.qr(tf.constant(scaled.T))
    return triangle.numpy().T.astype(np.float32), basis.numpy()


def held_out_rows(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """bool [N]: every tenth image of a class, or of smaller classes the last; none where no class has two images."""
    counts, position = _positions(labels, num_classes)
    every = max(2, min(HELD_OUT, int(counts.max())))
    return position % every == every - 1


def deal(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """int [N]: the fold that holds an image out, the same number of each class up to one; -1 for none."""
    counts, position = _positions(labels, num_classes)
    divisible = counts[counts > 1]
    if not len(divisible):
        return np.full(len(labels), -1)
    folds = min(FOLDS, int(divisible.min()))
    # Where a class begins differs from class to class, or the first fold would get all that is left over.
    begins = np.cumsum(counts) - counts
    return np.where(counts[labels] > 1, (position + begins[labels]) % folds, -1)


def spread_rows(labels: np.ndarray, most: int) -> np.ndarray:
    """At most `most` rows, ascending, of which every class has about its share."""
    if len(labels) <= most:
        return np.arange(len(labels))
    by_class = np.argsort(labels, kind="stable")
    return np.sort(by_class[np.arange(most) * len(labels) // most])


def _positions(labels: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of each class, int [C], and the place of each image in its class, int [N]."""
    counts = np.bincount(labels, minlength=num_classes)
    order = np.argsort(labels, kind="stable")
    position = np.empty(len(labels), np.int64)
    position[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return counts, position


class _Fold:
    """Fits heads to the images that are not held out, each from where the one before ended, and judges by the others.

    Attributes:
        train, judges: rows.
        passes: over the training images so far.
    """

    def __init__(
        self, features: np.ndarray, labels: np.ndarray, held: np.ndarray, class_weights: np.ndarray, scaling: Scaling
    ) -> None:
        self._features, self._labels, self._scaling = features, labels, scaling
        self._image_weights = class_weights[labels]
        self.train, self.judges, self.passes = np.flatnonzero(~held), np.flatnonzero(held), 0
        self._objective = _Objective(features, labels, self.train, class_weights, scaling)
        self._weights = np.zeros(self._objective.shape)

    def fit(self, l2: float) -> SoftmaxHead:
        start = self._weights.ravel()
        weights, value, evaluations = lbfgs(lambda flat: self._objective(flat, l2), start, STEPS, TOLERANCE)
        self._weights, self.passes = weights.reshape(self._objective.shape), self.passes + evaluations
        if not np.isfinite(value):
            raise InputError(_DIVERGED)
        return SoftmaxHead(self._weights, self._scaling, l2, len(self.judges), np.nan)

    def judge(self, head: SoftmaxHead) -> tuple[float, int]:
        """Sum of the losses of the held-out images, and how many are right."""
        loss, hits = 0.0, 0
        for part in _parts(self.judges):
            logs = head.log_probabilities(self._features[part])
            loss -= float((logs[np.arange(len(part)), self._labels[part]] * self._image_weights[part]).sum())
            hits += int((logs.argmax(axis=1) == self._labels[part]).sum())
        return loss, hits


def _parts(rows: np.ndarray) -> Iterator[np.ndarray]:
    for begin in range(0, len(rows), _ROWS):
        yield rows[begin : begin + _ROWS]


@tf.function(reduce_retracing=True)
def _sums(
    inputs: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, class_weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of some rows the cross entropy and its gradients by kernel and bias, summed, each row by its class's weight."""
    logs = tf.nn.log_softmax(tf.matmul(inputs, weights[:-1]) + weights[-1])
    own = tf.gather(class_weights, labels)[:, tf.newaxis]
    hot = tf.one_hot(labels, tf.shape(weights)[1])
    errors = (tf.exp(logs) - hot) * own
    return -tf.reduce_sum(logs * (hot * own)), tf.matmul(inputs, errors, transpose_a=True), tf.reduce_sum(errors, 0)


class _Objective:
    """Value and gradient at flat weights."""

    def __init__(
        self, features: np.ndarray, labels: np.ndarray, rows: np.ndarray, class_weights: np.ndarray, scaling: Scaling
    ) -> None:
        self._features, self._labels, self._rows = features, np.asarray(labels, np.int32), rows
        self._shift, self._scale = scaling.mean.astype(np.float32), np.float32(scaling.factor)
        self._class_weights = tf.constant(class_weights, tf.float32)
        self.shape = (features.shape[1] + 1, len(class_weights))
        self._kept = list(self._blocks()) if 4 * len(rows) * features.shape[1] <= _KEPT_BYTES else None

    def _blocks(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        for rows in _parts(self._rows):
            scaled = (self._features[rows] - self._shift) * self._scale
            yield tf.constant(scaled, tf.float32), tf.constant(self._labels[rows])

    def __call__(self, flat: np.ndarray, l2: float) -> tuple[float, np.ndarray]:
        weights = flat.reshape(self.shape)
        narrow = tf.constant(weights, tf.float32)
        loss, gradient = 0.0, np.zeros(self.shape)
        for inputs, wanted in self._kept or self._blocks():
            value, kernel, bias = _sums(inputs, wanted, narrow, self._class_weights)
            loss += float(value)
            gradient[:-1] += kernel.numpy()
            gradient[-1] += bias.numpy()
        count = len(self._rows)
        value = loss / count + 0.5 * l2 * float(np.square(weights).sum())
        return value, (gradient / count + l2 * weights).ravel()
