"""Cross-entropy and hits of one head over a batch in which only some rows belong to it (label -1: the other domain)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class HeadSums(NamedTuple):
    """What one head made of some rows. Scalars float32; a mean is a sum divided by the number of valid rows.

    Attributes:
        loss: sum of the cross-entropies of the valid rows, nats.
        hits: how many valid rows have their largest logit at the label.
    """

    loss: tf.Tensor
    hits: tf.Tensor


def head_sums(
    labels: tf.Tensor | np.ndarray,
    logits: tf.Tensor | np.ndarray,
    label_smoothing: float = 0.0,
    class_weights: tf.Tensor | np.ndarray | None = None,
    shares: tf.Tensor | np.ndarray | None = None,
) -> HeadSums:
    """Softmax cross-entropy from logits, and hits, summed over the rows that have a label.

    The caller divides by the number of valid rows (of all micro-batches and replicas), not by the batch size: half
    of a joint batch is of the other domain, and a mean over all rows would halve every head's gradient. Without a
    valid row both sums, and the gradient, are 0.

    Args:
        labels: int [N] or [N, 1]; -1: the row takes no part.
        logits: float [N, C].
        label_smoothing: e in [0, 1): the wanted distribution is 1 - e at the label plus e / C everywhere
            (Szegedy et al. 2016), so the loss is (1 - e) * CE(label) + e * mean over classes of -log p.
        class_weights: float32 [C], what a row's loss is multiplied by, by its label; hits stay whole. As with Keras'
            `class_weight` the caller divides by the number of rows, not by the sum of their weights. None: all are 1.
        shares: float32 [N], how much this label of a mixed image counts, in loss and hits; None: whole.
    """
    labels, valid = labels_and_mask(labels)
    # Masked rows get harmless logits as well: 0 * inf in their gradient would be NaN.
    logits = tf.where(valid[:, tf.newaxis], tf.cast(logits, tf.float32), 0.0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if label_smoothing:
        everywhere = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
        losses = (1.0 - label_smoothing) * losses + label_smoothing * everywhere
    losses = _weighted(losses, labels, class_weights)
    hits = tf.logical_and(valid, tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), labels))
    return HeadSums(_total(losses, valid, shares), _total(tf.cast(hits, tf.float32), valid, shares))


def binary_head_sums(
    labels: tf.Tensor | np.ndarray, logits: tf.Tensor | np.ndarray, label_smoothing: float = 0.0
) -> HeadSums:
    """Binary cross-entropy of sigmoids and hits, summed over the rows that have labels: a head of several labels.

    The loss of a row is the sum over its classes, each a question of its own (as Oquab et al. 2015, "Is object
    localization for free?", equation 1). Their mean would take from the gradient as much as there are classes, and from
    the target what it weighs against the source. A hit is a row whose every logit is on the right side of 0, which is a
    probability of 0.5.

    Args:
        labels: int [N, C] of 0 and 1; a row of -1 takes no part.
        logits: float [N, C].
        label_smoothing: e in [0, 1): what is wanted of a class is 1 - e / 2 or e / 2.
    """
    labels = tf.cast(labels, tf.float32)
    valid = labels[:, 0] >= 0
    labels = tf.where(valid[:, tf.newaxis], labels, 0.0)
    # As above: masked rows get harmless logits as well.
    logits = tf.where(valid[:, tf.newaxis], tf.cast(logits, tf.float32), 0.0)
    wanted = labels * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits), axis=-1)
    hits = tf.logical_and(valid, tf.reduce_all(tf.equal(logits > 0, labels > 0.5), axis=-1))
    return HeadSums(_total(losses, valid, None), _total(tf.cast(hits, tf.float32), valid, None))


def soft_loss_sum(
    labels: tf.Tensor | np.ndarray,
    logits: tf.Tensor | np.ndarray,
    wanted: tf.Tensor | np.ndarray,
    class_weights: tf.Tensor | np.ndarray | None = None,
    shares: tf.Tensor | np.ndarray | None = None,
) -> tf.Tensor:
    """Cross-entropy with the distribution that each row's label stands for, summed over the rows that have a label.

    Args:
        labels: int [N] or [N, 1]; -1: the row takes no part.
        logits: float [N, C].
        wanted: float32 [K, C], a distribution for each label.
        class_weights: float32 [K], as for `head_sums`.
        shares: float32 [N], likewise.

    Returns:
        Scalar float32, nats; 0, with a gradient of 0, without a valid row.
    """
    labels, valid = labels_and_mask(labels)
    logits = tf.where(valid[:, tf.newaxis], tf.cast(logits, tf.float32), 0.0)
    losses = -tf.reduce_sum(tf.gather(wanted, labels) * tf.nn.log_softmax(logits), axis=-1)
    return _total(_weighted(losses, labels, class_weights), valid, shares)


def _weighted(losses: tf.Tensor, labels: tf.Tensor, class_weights: tf.Tensor | np.ndarray | None) -> tf.Tensor:
    return losses if class_weights is None else losses * tf.gather(tf.cast(class_weights, tf.float32), labels)


def _total(values: tf.Tensor, valid: tf.Tensor, shares: tf.Tensor | np.ndarray | None) -> tf.Tensor:
    return tf.reduce_sum(tf.where(valid, values if shares is None else values * shares, 0.0))


def valid_rows(labels: tf.Tensor | np.ndarray) -> tf.Tensor:
    """How many rows have a label: scalar float32, from integers of any shape."""
    return tf.reduce_sum(tf.cast(tf.convert_to_tensor(labels) >= 0, tf.float32))


def labels_and_mask(labels: tf.Tensor | np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """`(labels int32 [N] with 0 in place of -1, valid bool [N])` from labels of any number type, [N] or [N, 1]."""
    labels = tf.reshape(tf.cast(labels, tf.int32), [-1])
    valid = labels >= 0
    return tf.where(valid, labels, 0), valid
