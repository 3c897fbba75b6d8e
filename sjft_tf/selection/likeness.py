"""Likeness of gradients: source images count as they would change the network as a target class does (LESS).

After Xia et al. (ICML 2024, arXiv 2402.04333), for a network with two heads. With g_i(z) the gradient of image z at
checkpoint i, scaled to length 1, and m_ic the mean of g_i over the target images of class c, a source image z weighs

    w(z) = max over c of sum over i of rate_i <g_i(z), m_ic>
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.selection.weights import ImageWeights


def gradient_likeness(
    gradients: Sequence[np.ndarray], means: Sequence[np.ndarray], rates: Sequence[float]
) -> ImageWeights:
    """w of some source images, and the target class that is the maximum.

    Args:
        gradients: of each checkpoint g, float32 [B, G].
        means: of each checkpoint m, float32 [C_t, G].
        rates: of each checkpoint.
    """
    likeness = sum(
        rate * (own @ mean.T).astype(np.float64) for own, mean, rate in zip(gradients, means, rates, strict=True)
    )
    nearest = np.argmax(likeness, axis=1)
    return ImageWeights(np.take_along_axis(likeness, nearest[:, None], axis=1)[:, 0], nearest.astype(np.int32))
