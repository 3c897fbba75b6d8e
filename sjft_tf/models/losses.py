"""Loss and accuracy of one head over a batch in which only some rows belong to it (label -1: the other domain)."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="sjft_tf")
class MaskedCrossEntropy(keras.losses.Loss):
    """Softmax cross-entropy from logits, averaged over the rows that have a label.

    Sum over valid rows / number of valid rows, not / batch size: half of a joint batch is of the other domain, and
    Keras's `sum_over_batch_size` would halve every head's gradient. A batch without a valid row gives loss 0
    and gradient 0. `call` returns each row's share of that mean, so that Keras's plain sum is the result and sample
    weights still weigh rows.

    Call with labels int [N] or [N, 1] (-1: no label for this head) and logits float [N, C].
    """

    def __init__(self, name: str = "masked_cross_entropy", reduction: str = "sum", **kwargs: Any) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Float32 [N]: cross-entropy / number of valid rows; 0 where the label is -1."""
        labels, valid = labels_and_mask(y_true)
        logits = tf.cast(y_pred, tf.float32)
        # Masked rows get harmless logits as well: 0 * inf in their gradient would be NaN.
        logits = tf.where(valid[:, tf.newaxis], logits, tf.zeros_like(logits))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        weights = tf.cast(valid, tf.float32)
        return tf.math.divide_no_nan(losses * weights, tf.reduce_sum(weights))


@keras.saving.register_keras_serializable(package="sjft_tf")
class MaskedAccuracy(keras.metrics.Mean):
    """Share of the labelled rows whose largest logit (or probability) is at the label; -1 labels do not count.

    Call with labels int [N] or [N, 1] and logits float [N, C]; 0 before any labelled row was seen.
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Adds a batch; `sample_weight` float [N], if given, weighs the labelled rows."""
        labels, valid = labels_and_mask(y_true)
        hits = tf.equal(tf.argmax(y_pred, axis=-1, output_type=tf.int32), labels)
        weights = tf.cast(valid, tf.float32)
        if sample_weight is not None:
            weights *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
        return super().update_state(tf.cast(hits, tf.float32), sample_weight=weights)


def labels_and_mask(y_true: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """`(labels int32 [N] with 0 in place of -1, valid bool [N])` from labels of any number type, [N] or [N, 1]."""
    labels = tf.reshape(tf.cast(y_true, tf.int32), [-1])
    valid = labels >= 0
    return tf.where(valid, labels, 0), valid
