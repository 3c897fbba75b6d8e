"""Domain-adaptive transfer: source classes count as the target is taken for them (Ngiam et al. 2018, 1811.07056).

A classifier of the source's classes looks at the target. With P_t(y) the mean probability it gives class y there, and
P_s(y) the share of the source's images that have label y, an image of class y has the importance

    w(y) = P_t(y) / P_s(y)

Drawn in proportion to w of their class, the images of class y are drawn in proportion to w(y) P_s(y) = P_t(y) together.
"""

from __future__ import annotations

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.selection.weights import ClassWeights


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
    total = probability[np.unique(source_labels)].sum()
    if not np.isfinite(total) or total <= 0 or probability.min() < 0:
        raise InputError("The source head gives the target no probabilities: the trunk's weights have diverged")
    return ClassWeights.of_shares(probability, source_labels)
