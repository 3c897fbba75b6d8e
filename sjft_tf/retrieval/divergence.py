"""Symmetric Kullback-Leibler divergence of descriptors, written as an inner product."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.artifacts import fingerprint
from sjft_tf.descriptors import full_float32
from sjft_tf.errors import InputError

EPSILON = 2.2e-16
"""Added to every bin inside the logarithm, so that empty bins have one (the released code's figure)."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the columns of a descriptor are divided.

    Attributes:
        layer_channels: filters in each layer.
        bins: bins of each filter's histogram.
    """

    layer_channels: tuple[int, ...]
    bins: int

    @property
    def dimensions(self) -> int:
        """Columns of a descriptor."""
        return self.bins * sum(self.layer_channels)

    @property
    def fingerprint(self) -> str:
        """Digest of the distance: layout and definition."""
        return fingerprint("symmetric-kl", 1, list(self.layer_channels), self.bins, EPSILON)

    def weights(self) -> np.ndarray:
        """float64 [D]: 1/N_l in the columns of layer l, so that every layer counts the same."""
        return np.concatenate([np.full(self.bins * count, 1 / count) for count in self.layer_channels])

    def check(self, histograms: np.ndarray, what: str) -> None:
        """Raises InputError if `histograms` is not [N, D]."""
        if histograms.ndim != 2 or histograms.shape[1] != self.dimensions:
            raise InputError(
                f"{what} histograms must have {self.dimensions} columns ({self.bins} bins x "
                f"{sum(self.layer_channels)} filters). Received: shape={tuple(histograms.shape)}"
            )


# The definition. With L(x) = log(x + EPSILON) and w = 1/N_l (SJFT paper, equation 1, halved as in the released code):
#     H(t, s) = 1/2 sum_h w_h sum_b (t_b - s_b) (L(t_b) - L(s_b))
# which is 1/2 [KL(t||s) + KL(s||t)] with EPSILON inside both log ratios. Multiplied out, exactly:
#     2 H = c(t) + c(s) - [w t ; w L(t)] . [L(s) ; s],   c(x) = sum_b w x_b L(x_b)
# Every histogram sums to one, so adding a constant to L changes nothing: we use log(x + EPSILON) - log(1/bins), which
# is near zero where bins have equal mass, and the sums stay small enough for float32. L grows with x, so every term
# of H is >= 0; only rounding can bring it below zero, and that is clamped.


def relative_logs(histograms: tf.Tensor, bins: int) -> tf.Tensor:
    """log(bins * (x + EPSILON)) of every entry, float32."""
    return tf.math.log((tf.cast(histograms, tf.float32) + EPSILON) * float(bins))


def augment_target(histograms: tf.Tensor, layout: Layout) -> tuple[tf.Tensor, tf.Tensor]:
    """The target's side of the inner product; layer weights are folded in.

    Args:
        histograms: float32 [N, D].
        layout: how the columns are divided.

    Returns:
        `[w t ; w L(t)]` float32 [N, 2D], and c(t) float32 [N].
    """
    logs = relative_logs(histograms, layout.bins)
    weighted = histograms * layout.weights().astype(np.float32)
    weighted_logs = logs * layout.weights().astype(np.float32)
    return tf.concat([weighted, weighted_logs], axis=1), tf.reduce_sum(weighted * logs, axis=1)


def augment_source(histograms: tf.Tensor, layout: Layout) -> tuple[tf.Tensor, tf.Tensor]:
    """The source's side of the inner product: `[L(s) ; s]` float32 [N, 2D], and c(s) float32 [N]."""
    logs = relative_logs(histograms, layout.bins)
    own = tf.reduce_sum(histograms * logs * layout.weights().astype(np.float32), axis=1)
    return tf.concat([logs, histograms], axis=1), own


def distances(target: tuple[tf.Tensor, tf.Tensor], source: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Distances [N_t, N_s] from what `augment_target` and `augment_source` returned: one matrix product."""
    product = tf.matmul(target[0], source[0], transpose_b=True)
    return tf.maximum(0.5 * (target[1][:, None] + source[1][None, :] - product), 0.0)


def symmetric_kl(target: np.ndarray, source: np.ndarray, layer_channels: Sequence[int], bins: int) -> np.ndarray:
    """Distances between all pairs of descriptors, every layer counting the same.

    Args:
        target: float32 [N_t, D] histograms.
        source: float32 [N_s, D] histograms.
        layer_channels: filters in each layer.
        bins: bins of each histogram.

    Returns:
        float32 [N_t, N_s], >= 0; see the definition above. 0 for equal descriptors, up to float32 rounding.
    """
    layout = Layout(tuple(layer_channels), bins)
    layout.check(target, "Target")
    layout.check(source, "Source")
    with full_float32():
        return distances(augment_target(target, layout), augment_source(source, layout)).numpy()
