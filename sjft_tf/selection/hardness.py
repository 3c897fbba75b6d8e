"""Which target images need more help: entropy of the prediction and the update of K (paper section 3.3).

Pure functions of tensors, so that they run on whatever device holds the predictions.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError


class HardnessMasks(Protocol):
    """A scoring of the target images, bool [N] each, as tensors or arrays."""

    @property
    def wrong(self) -> tf.Tensor | np.ndarray: ...

    @property
    def uncertain(self) -> tf.Tensor | np.ndarray: ...


class Hardness(NamedTuple):
    """What one scoring of the target training images found.

    Attributes:
        entropy: float32 [N], nats; of images with several labels see `mean_binary_entropy`.
        wrong: bool [N], the predicted class is not the label, or one of several is on the wrong side of 0.5.
        uncertain: bool [N], predicted rightly, but with an entropy of at least delta.
    """

    entropy: tf.Tensor
    wrong: tf.Tensor
    uncertain: tf.Tensor


def entropy(probabilities: tf.Tensor) -> tf.Tensor:
    """Shannon entropy `-sum_c p_c log p_c` in nats of each row, with 0 log 0 = 0.

    Args:
        probabilities: float32 [N, C], rows sum to 1.

    Returns:
        float32 [N], between 0 and log C.
    """
    probabilities = tf.convert_to_tensor(probabilities, tf.float32)
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)


def mean_binary_entropy(probabilities: tf.Tensor) -> tf.Tensor:
    """Mean over the classes of `-p log2 p - (1 - p) log2(1 - p)`: how uncertain sigmoids are, from 0 to 1.

    Args:
        probabilities: float32 [N, C], each for itself.

    Returns:
        float32 [N], bits a class: 1 where every class has 0.5.
    """
    p = tf.convert_to_tensor(probabilities, tf.float32)
    nats = tf.math.xlogy(p, p) + tf.math.xlogy(1.0 - p, 1.0 - p)
    return -tf.reduce_mean(nats, axis=-1) / math.log(2.0)


def hardness(probabilities: tf.Tensor, labels: tf.Tensor, delta: float = 0.1) -> Hardness:
    """Splits the target images into wrong, uncertain and the rest.

    Args:
        probabilities: float32 [N, C].
        labels: int32 [N]; or bool [N, C] where images may have several labels, which the paper does not have: the
            entropy is then `mean_binary_entropy`, and an image is wrong if any class is on the wrong side of 0.5.
        delta: entropy in nats from which a right prediction counts as uncertain (paper: 0.1); of several labels
            likewise in bits a class.
    """
    probabilities = tf.convert_to_tensor(probabilities, tf.float32)
    if len(labels.shape) == 2:
        spread = mean_binary_entropy(probabilities)
        wrong = tf.reduce_any((probabilities > 0.5) != tf.cast(labels, tf.bool), axis=-1)
        return Hardness(spread, wrong, tf.logical_and(tf.logical_not(wrong), spread >= delta))
    spread = entropy(probabilities)
    predicted = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
    wrong = predicted != tf.cast(labels, tf.int32)
    return Hardness(spread, wrong, tf.logical_and(tf.logical_not(wrong), spread >= delta))


def update_counts(
    counts: tf.Tensor,
    masks: HardnessMasks,
    k0: int,
    k_max: int,
    wrong_growth: int = 4,
    uncertain_growth: int = 2,
) -> tf.Tensor:
    """`K <- K + 4 K0` where wrong, `K + 2 K0` where uncertain, else unchanged, at most `k_max`.

    Args:
        counts: int32 [N], neighbors each target image may draw now.
        masks: this round's scoring: who is wrong, and who uncertain.
        k0: neighbors each image began with.
        k_max: length of the ranked neighbor lists.
        wrong_growth, uncertain_growth: multiples of `k0` (paper: 4 and 2).

    Returns:
        int32 [N].

    Raises:
        InputError: if `k0` is not between 1 and `k_max`.
    """
    if not 1 <= k0 <= k_max:
        raise InputError(f"`k0` must be between 1 and the {k_max} neighbors in the table. Received: k0={k0}")
    growth = tf.where(masks.wrong, wrong_growth, tf.where(masks.uncertain, uncertain_growth, 0))
    # In 64 bits: K + 4 K0 of a huge source must not wrap around before it is cut.
    grown = tf.cast(counts, tf.int64) + tf.cast(growth, tf.int64) * k0
    return tf.cast(tf.minimum(grown, k_max), tf.int32)
