"""Histograms of filter responses: every filter's values counted between its bin edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors.counting import BinCounter, lines_of
from sjft_tf.descriptors.edges import BinEdges


def histograms(responses: Sequence[tf.Tensor], edges: BinEdges) -> tf.Tensor:
    """Histograms of filter responses, as TensorFlow ops: eagerly, in a graph, on a GPU.

    Args:
        responses: one float32 tensor [N, h_l, w_l, C_l] a layer, finite.
        edges: bin edges of the same layers.

    Returns:
        float32 [N, D], D = bins * total channels, channel-major, layers in order; every channel's block sums to 1.
    """
    parts = []
    for layer_edges, layer in zip(edges.edges, responses, strict=True):
        counter, lines = BinCounter(layer_edges), lines_of(layer)
        # The reciprocal is written out because graphs replace a division by it, and eager code does not.
        shares = tf.cast(counter(lines), tf.float32) * (1.0 / tf.cast(tf.shape(lines)[1], tf.float32))
        parts.append(tf.reshape(shares, [-1, counter.channels * counter.bins]))
    return tf.concat(parts, axis=1)


def histograms_of(counts: np.ndarray, positions: Sequence[int], edges: BinEdges) -> np.ndarray:
    """Histograms from counts, the same bits as `histograms` gives.

    Args:
        counts: unsigned [N, D], what `extract_counts` yields.
        positions: of each layer, what `bank_positions` gives; below 2^22, so that nothing is lost.
        edges: the bin edges counted with.

    Returns:
        float32 [N, D]; `np.rint(histograms * positions)` are the counts again.
    """
    shares = counts.astype(np.float32)
    first = 0
    for channels, layer_positions in zip(edges.layer_channels, positions, strict=True):
        last = first + channels * edges.bins
        shares[:, first:last] *= np.float32(1) / np.float32(layer_positions)
        first = last
    return shares
