"""Counting the responses of a whole bank, in threads of its own or on a GPU, while the filters go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors.counting import BinCounter, lines_of
from sjft_tf.descriptors.cpu_counting import CpuBinCounter, count_dtype
from sjft_tf.parallel import cores


class BankCounter:
    """Counts the responses of all layers of a bank while the caller goes on; a context manager, as it holds threads.

    On a CPU the arrays lie over the tensors' memory: nothing is copied. Where TensorFlow has a GPU the
    counting is done there, and nothing but the counts leaves it.

    Args:
        edges: for each layer float32 [C_l, bins - 1], finite, not decreasing along a row.
    """

    def __init__(self, edges: Sequence[np.ndarray]):
        on_gpu = bool(tf.config.list_logical_devices("GPU"))
        self._graph = graph_counter(edges) if on_gpu else None
        self._totals_graph = graph_totals(edges) if on_gpu else None
        self._counters = [] if on_gpu else [CpuBinCounter(layer) for layer in edges]
        self._dimensions = sum(layer.shape[0] * (layer.shape[1] + 1) for layer in edges)
        self._workers = cores()
        self._threads = ThreadPoolExecutor(self._workers, "sjft-count")

    def __enter__(self) -> BankCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start(self, responses: Sequence[tf.Tensor], number: int) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Begins to count image by image.

        Args:
            responses: one float32 tensor [N, h_l, w_l, C_l] a layer.
            number: count the first so many images only.

        Returns:
            A function that waits for and returns the counts, uint16 (uint32 if a layer has more than 65,535
            positions) [number, D], and bool [number], whether all responses of an image are finite.
        """
        dtype = count_dtype(max(layer.shape[1] * layer.shape[2] for layer in responses))
        if self._graph:
            on_gpu, all_finite = self._graph(responses)
            return lambda: (on_gpu[:number].numpy().astype(dtype), all_finite[:number].numpy())
        counts = np.zeros((number, self._dimensions), dtype)
        layers = [np.asarray(layer) for layer in responses]
        finite, left = np.ones(number, bool), iter(range(number))

        def some() -> None:
            # One long task a thread, and not one an image: threads that sleep and wake all the time are left by the
            # system on one core.
            for image in left:
                finite[image] = self._count_image(layers, counts, image)

        tasks = [self._threads.submit(some) for _ in range(self._workers)]

        def finish() -> tuple[np.ndarray, np.ndarray]:
            for task in tasks:
                task.result()
            return counts, finite

        return finish

    def start_totals(self, responses: Sequence[tf.Tensor]) -> Callable[[], list[np.ndarray]]:
        """Begins to count all images together; the function returned gives int64 [C_l, bins] for each layer."""
        if self._totals_graph:
            totals = self._totals_graph(responses)
            return lambda: [layer.numpy().astype(np.int64) for layer in totals]
        tasks = []
        for counter, layer in zip(self._counters, responses, strict=True):
            lines = np.asarray(layer).reshape(-1, counter.channels)
            tasks.append([self._threads.submit(_count, counter, part) for part in np.array_split(lines, self._workers)])
        return lambda: [np.stack([task.result() for task in layer]).sum(axis=0, dtype=np.int64) for layer in tasks]

    def _count_image(self, layers: Sequence[np.ndarray], counts: np.ndarray, image: int) -> bool:
        first, finite = 0, True
        for counter, layer in zip(self._counters, layers, strict=True):
            last = first + counter.channels * counter.bins
            finite &= counter.count_line(layer[image].reshape(-1, counter.channels), counts[image, first:last])
            first = last
        return finite


def _count(counter: CpuBinCounter, line: np.ndarray) -> np.ndarray:
    row = np.zeros(counter.channels * counter.bins, np.uint32)
    counter.count_line(line, row)
    return row.reshape(counter.channels, counter.bins)


def graph_counter(edges: Sequence[np.ndarray]) -> Callable[[Sequence[tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
    """A compiled function from responses to counts int32 [N, D] and bool [N], whether all are finite."""
    counters = [BinCounter(layer) for layer in edges]

    @tf.function(autograph=False, reduce_retracing=True)
    def count(responses: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        parts = [counter(lines_of(layer)) for counter, layer in zip(counters, responses, strict=True)]
        finite = [tf.reduce_all(tf.math.is_finite(layer), axis=[1, 2, 3]) for layer in responses]
        flat = [tf.reshape(part, [-1, part.shape[1] * part.shape[2]]) for part in parts]
        return tf.concat(flat, axis=1), tf.reduce_all(tf.stack(finite), axis=0)

    return count


def graph_totals(edges: Sequence[np.ndarray]) -> Callable[[Sequence[tf.Tensor]], list[tf.Tensor]]:
    """A compiled function from responses to counts int32 [C_l, bins] of all images together, for each layer."""
    counters = [BinCounter(layer) for layer in edges]

    @tf.function(autograph=False, reduce_retracing=True)
    def total(responses: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [counter.total(lines_of(layer)) for counter, layer in zip(counters, responses, strict=True)]

    return total
