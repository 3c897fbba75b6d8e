"""From an image set to histograms, block by block; nothing but the block is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.descriptors.bank import FilterBank, full_float32
from sjft_tf.descriptors.edges import FINE_CELLS, BinEdges, fit_bin_edges
from sjft_tf.descriptors.histogram import Histogrammer
from sjft_tf.errors import InputError

Block = tuple[np.ndarray, np.ndarray]
"""`(rows int32 [n], histograms float32 [n, D])`."""


class Images(Protocol):
    """What is needed of an `images.ImageSet` here."""

    name: str
    fingerprint: str

    def __len__(self) -> int: ...

    def dataset(self, rows: Any = None) -> tf.data.Dataset: ...


View = Callable[[tf.Tensor], tf.Tensor]
"""[H, W, 3] -> float32 [crop, crop, 3]; see `images.View`."""


def image_batches(
    image_set: Images, view: View, rows: np.ndarray | None = None, batch_size: int = 64
) -> tf.data.Dataset:
    """Viewed images in batches, decoded and viewed ahead of the consumer.

    Args:
        image_set: where the images come from.
        view: turns a decoded image into float32 [crop, crop, 3].
        rows: int32 [n], which images in which order; None for all.
        batch_size: images a batch; the last one may be smaller.

    Returns:
        A tf.data.Dataset of `(rows int32 [n], images float32 [n, crop, crop, 3])`.
    """
    return (
        image_set.dataset(rows)
        .map(lambda item: (item["row"], view(item["image"])), num_parallel_calls=tf.data.AUTOTUNE)
        .batch(batch_size)
        .prefetch(2)
    )


def extract(
    image_set: Images,
    bank: FilterBank,
    edges: BinEdges,
    view: View,
    rows: np.ndarray | Sequence[int] | None = None,
    batch_size: int = 64,
) -> Iterator[Block]:
    """Streams the descriptors of an image set (SJFT paper, section 3.2).

    Decoding runs ahead in tf.data while the filters work; only the current block is in memory. Every block is
    filled up to `batch_size` before the filters see it, so that one compiled graph serves all of them and the
    descriptor of an image does not depend on its neighbors in the block.

    Args:
        image_set: the images.
        bank: the filters.
        edges: bin edges of this bank.
        view: the view the edges were fitted with.
        rows: which images, in which order; None for all.
        batch_size: images a block, default 64.

    Yields:
        `(rows int32 [n], histograms float32 [n, D])` in the order of `rows`.

    Raises:
        InputError: edges of another bank, or a response that is NaN or infinite.
    """
    check_fit(bank, edges)
    if batch_size < 1:
        raise InputError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
    chosen = None if rows is None else np.asarray(rows, np.int32)
    describe = _descriptor_function(bank, edges, batch_size)
    total = len(image_set) if chosen is None else len(chosen)
    with progress.bar(total, f"Describing {image_set.name}") as shown:
        for block_rows, images in image_batches(image_set, view, chosen, batch_size):
            # The setting is switched around the work only: between blocks the consumer's own applies.
            with full_float32():
                found, finite = describe(images)
                block = block_rows.numpy().astype(np.int32), found.numpy()
            if not finite.numpy().all():
                bad = block[0][~finite.numpy()]
                raise InputError(
                    f"Bank {bank.name} answered rows {bad[:5].tolist()} of {image_set.name} with NaN or infinite "
                    "values: its weights are damaged, or its input is outside what it was trained on."
                )
            yield block
            shown.update(len(block[0]))


def target_descriptors(
    image_set: Images,
    bank: FilterBank,
    view: View,
    bins: int = 100,
    *,
    edges: BinEdges | None = None,
    cells: int = FINE_CELLS,
    batch_size: int = 64,
) -> tuple[BinEdges, np.ndarray]:
    """Fits bin edges to the target images and describes them.

    Args:
        image_set: the target images.
        bank: the filters.
        view: turns a decoded image into float32 [crop, crop, 3].
        bins: bins of each histogram.
        edges: edges fitted earlier, to be used instead of fitting.
        cells: see `fit_bin_edges`.
        batch_size: images a block.

    Returns:
        The edges, and float32 [N, D] histograms of all images, by row.
    """
    if edges is None:
        made_from = edges_made_from(image_set, bank, view, bins, cells)
        batches = image_batches(image_set, view, batch_size=batch_size).map(lambda _, images: images)
        with progress.bar(2 * len(image_set), f"Fitting bin edges to {image_set.name}") as shown:
            edges = fit_bin_edges(bank, _Counted(batches, shown), bins, cells, made_from)
    blocks = [histograms for _, histograms in extract(image_set, bank, edges, view, batch_size=batch_size)]
    return edges, np.concatenate(blocks)


def edges_made_from(image_set: Images, bank: FilterBank, view: Any, bins: int, cells: int = FINE_CELLS) -> dict:
    """The stamp of bin edges: what has to be the same for them to be used again."""
    return {
        "target": image_set.fingerprint,
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "bins": int(bins),
        "cells": int(cells),
    }


def check_fit(bank: FilterBank, edges: BinEdges) -> None:
    """Raises InputError if the edges are not of this bank's shape."""
    if tuple(bank.layer_channels) != edges.layer_channels:
        raise InputError(
            f"Bank {bank.name} has {tuple(bank.layer_channels)} filters in its layers, but the bin edges are for "
            f"{edges.layer_channels}. Fit the edges again with this bank."
        )


def _descriptor_function(
    bank: FilterBank, edges: BinEdges, batch_size: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    histogrammer = Histogrammer(edges)

    @tf.function(autograph=False)
    def padded(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        responses = bank.responses(images)
        finite = [tf.reduce_all(tf.math.is_finite(layer), axis=[1, 2, 3]) for layer in responses]
        return histogrammer(responses), tf.reduce_all(tf.stack(finite), axis=0)

    def describe(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = int(images.shape[0])
        found, finite = padded(tf.pad(images, [[0, batch_size - count], [0, 0], [0, 0], [0, 0]]))
        return found[:count], finite[:count]

    return describe


class _Counted:
    """Iterates a dataset again and again, moving a progress bar."""

    def __init__(self, batches: tf.data.Dataset, shown: Any):
        self._batches, self._shown = batches, shown

    def __iter__(self) -> Iterator[tf.Tensor]:
        for images in self._batches:
            yield images
            self._shown.update(int(images.shape[0]))
