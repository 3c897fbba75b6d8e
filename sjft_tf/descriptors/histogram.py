"""Histograms of filter responses: every filter's values counted between its bin edges."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from sjft_tf.descriptors.counting import BinCounter, lines_of
from sjft_tf.descriptors.edges import BinEdges


class Histogrammer:
    """Histograms of all layers of a bank, ready to be used in a graph; see `histograms`."""

    def __init__(self, edges: BinEdges):
        self._counters = [BinCounter(layer) for layer in edges.edges]

    def __call__(self, responses: Sequence[tf.Tensor]) -> tf.Tensor:
        parts = []
        for counter, layer in zip(self._counters, responses, strict=True):
            lines = lines_of(layer)
            # The reciprocal is written out because graphs replace a division by it, and eager code does not.
            shares = tf.cast(counter(lines), tf.float32) * (1.0 / tf.cast(tf.shape(lines)[1], tf.float32))
            parts.append(tf.reshape(shares, [-1, counter.channels * counter.bins]))
        return tf.concat(parts, axis=1)


def histograms(responses: Sequence[tf.Tensor], edges: BinEdges) -> tf.Tensor:
    """Histograms of filter responses.

    Args:
        responses: one float32 tensor [N, h_l, w_l, C_l] a layer, finite.
        edges: bin edges of the same layers.

    Returns:
        float32 [N, D], D = bins * total channels, channel-major, layers in order; every channel's block sums to 1.
    """
    return Histogrammer(edges)(responses)
