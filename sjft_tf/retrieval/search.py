"""Exact nearest neighbors in a stream of source descriptors: one matrix product a block, a running top-K, forget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors import full_float32
from sjft_tf.errors import InputError
from sjft_tf.retrieval.divergence import Layout, augment_source, augment_target, distances
from sjft_tf.retrieval.topk import RunningTopK

BLOCK_ROWS = 1024
"""Source rows in one matrix product."""


def nearest(
    target_histograms: np.ndarray,
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    k: int,
    layout: Layout,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest source images of every target image, by symmetric KL divergence.

    Memory is bounded by the target and one block. Whatever blocks arrive, the products are always taken over
    `BLOCK_ROWS` rows (the last ones filled up), because matrix kernels round differently for different shapes: so
    distances, and with them the result, depend neither on the size of the blocks nor on their order.

    Args:
        target_histograms: float32 [N_t, D].
        blocks: `(rows int32 [n], histograms float32 [n, D])`, every source row once, any order.
        k: neighbors for each target image, from 1 to the number of source rows.
        layout: how the D columns are divided into layers, filters and bins.

    Returns:
        rows int32 [N_t, k] and distances float32 [N_t, k], ascending by (distance, row).

    Raises:
        InputError: k out of range, no target images, or histograms of another size.
    """
    target_histograms = np.asarray(target_histograms, np.float32)
    layout.check(target_histograms, "Target")
    if len(target_histograms) == 0:
        raise InputError("There are no target images to find neighbors of.")
    if k < 1:
        raise InputError(f"`k` must be between 1 and the number of source images. Received: k={k}")
    best = RunningTopK(len(target_histograms), k)
    seen = 0
    with full_float32():
        target = augment_target(tf.constant(target_histograms), layout)

    @tf.function(autograph=False)
    def block_distances(histograms: tf.Tensor) -> tf.Tensor:
        return distances(target, augment_source(histograms, layout))

    for rows, histograms in _regrouped(blocks, layout):
        with full_float32():
            found = block_distances(tf.constant(histograms)).numpy()
        best.offer(found[:, : len(rows)], rows)
        seen += len(rows)
    if k > seen:
        raise InputError(f"`k` must be between 1 and {seen}, the number of source images. Received: k={k}")
    return best.result()


def _regrouped(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], layout: Layout
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of any size to blocks of BLOCK_ROWS histograms; only the last one has fewer rows than histograms."""
    rows = np.empty(BLOCK_ROWS, np.int32)
    # Uniform histograms fill the places of missing rows: any finite values would do.
    histograms = np.full((BLOCK_ROWS, layout.dimensions), 1 / layout.bins, np.float32)
    filled = 0
    for block_rows, block in blocks:
        layout.check(block, "Source")
        start = 0
        while start < len(block_rows):
            count = min(BLOCK_ROWS - filled, len(block_rows) - start)
            rows[filled : filled + count] = block_rows[start : start + count]
            histograms[filled : filled + count] = block[start : start + count]
            start, filled = start + count, filled + count
            if filled == BLOCK_ROWS:
                yield rows, histograms
                filled = 0
    if filled:
        yield rows[:filled], histograms
