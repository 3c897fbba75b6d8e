"""Histograms of filter responses: every filter's values counted between its bin edges."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors.counting import BinCounter, CpuBinCounter, count_dtype, lines_of
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
    found = counts.astype(np.float32)
    first = 0
    for channels, each in zip(edges.layer_channels, positions, strict=True):
        last = first + channels * edges.bins
        found[:, first:last] *= np.float32(1) / np.float32(each)
        first = last
    return found


class BankCounter:
    """Counts the responses of all layers of a bank while the caller goes on; a context manager, as it holds threads.

    On a CPU every image is one task for as many threads as there are cores. Where TensorFlow has a GPU the counting
    is done there, and nothing but the counts leaves it.

    Args:
        edges: bin edges of the bank.
    """

    def __init__(self, edges: BinEdges):
        self._edges = edges
        self._graph = graph_counter(edges) if tf.config.list_logical_devices("GPU") else None
        self._counters = [] if self._graph else [CpuBinCounter(layer) for layer in edges.edges]
        self._threads = ThreadPoolExecutor(_cores(), "sjft-count")

    def __enter__(self) -> BankCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start(self, responses: Sequence[tf.Tensor], number: int) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Begins to count.

        Args:
            responses: one float32 tensor [N, h_l, w_l, C_l] a layer.
            number: count the first so many images only.

        Returns:
            A function that waits for and returns the counts, uint16 (uint32 if a layer has more than 65,535
            positions) [number, D], and bool [number], whether all responses of an image are finite.
        """
        dtype = count_dtype(max(layer.shape[1] * layer.shape[2] for layer in responses))
        if self._graph:
            found, fine = self._graph(responses)
            return lambda: (found[:number].numpy().astype(dtype), fine[:number].numpy())
        counts = np.zeros((number, self._edges.dimensions), dtype)
        # No copy: the array lies over the tensor's memory, which it keeps from being freed.
        layers = [np.asarray(layer) for layer in responses]
        tasks = [self._threads.submit(self._count_image, layers, counts, image) for image in range(number)]
        return lambda: (counts, np.array([task.result() for task in tasks], bool))

    def _count_image(self, layers: Sequence[np.ndarray], counts: np.ndarray, image: int) -> bool:
        first, finite = 0, True
        for counter, layer in zip(self._counters, layers, strict=True):
            last = first + counter.channels * counter.bins
            finite &= counter.count_line(layer[image].reshape(-1, counter.channels), counts[image, first:last])
            first = last
        return finite


def graph_counter(edges: BinEdges) -> Callable[[Sequence[tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
    """Counts int32 [N, D] and bool [N], all responses finite, as one graph."""
    counters = [BinCounter(layer) for layer in edges.edges]

    @tf.function(autograph=False)
    def count(responses: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        parts = [counter(lines_of(layer)) for counter, layer in zip(counters, responses, strict=True)]
        finite = [tf.reduce_all(tf.math.is_finite(layer), axis=[1, 2, 3]) for layer in responses]
        flat = [tf.reshape(part, [-1, part.shape[1] * part.shape[2]]) for part in parts]
        return tf.concat(flat, axis=1), tf.reduce_all(tf.stack(finite), axis=0)

    return count


def _cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
