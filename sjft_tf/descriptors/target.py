"""The target's descriptors: bin edges fitted to its images, and the histograms between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from sjft_tf import progress
from sjft_tf.artifacts import Stamp
from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.edges import FINE_CELLS, BinEdges, fit_bin_edges
from sjft_tf.descriptors.extract import extract
from sjft_tf.descriptors.image_counting import images_a_chunk
from sjft_tf.descriptors.viewing import DescribedImages, DescriptorView, image_batches, view_stamp


class TargetDescriptors(NamedTuple):
    """A target image set, described.

    Attributes:
        edges: the bin edges fitted to it.
        histograms: float32 [N, D], of all images by row.
    """

    edges: BinEdges
    histograms: np.ndarray


def target_descriptors(
    image_set: DescribedImages,
    bank: FilterBank,
    view: DescriptorView,
    bins: int = 100,
    *,
    edges: BinEdges | None = None,
    cells: int = FINE_CELLS,
    batch_size: int = 64,
) -> TargetDescriptors:
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
        The edges, and the histograms of all images.
    """
    if edges is None:
        edges = fit_target_edges(image_set, bank, view, bins, cells)
    # Filled as they come: a list of blocks, joined, would take the memory twice.
    histograms = np.empty((len(image_set), edges.dimensions), np.float32)
    for rows, block in extract(image_set, bank, edges, view, batch_size=batch_size):
        histograms[rows] = block
    return TargetDescriptors(edges, histograms)


def fit_target_edges(
    image_set: DescribedImages, bank: FilterBank, view: DescriptorView, bins: int = 100, cells: int = FINE_CELLS
) -> BinEdges:
    """Bin edges of the target images alone, stamped with `edges_made_from`; arguments as for `target_descriptors`."""
    made_from = edges_made_from(image_set, bank, view, bins, cells)
    size = images_a_chunk(bank, image_batches(image_set, view).element_spec[1].shape)
    batches = image_batches(image_set, view, batch_size=size).map(lambda _, images: images)
    with progress.bar(2 * len(image_set), f"Fitting bin edges to {image_set.name}") as shown:
        return fit_bin_edges(bank, _Progressing(batches, shown), bins, cells, made_from)


def edges_made_from(
    image_set: DescribedImages, bank: FilterBank, view: DescriptorView, bins: int, cells: int = FINE_CELLS
) -> Stamp:
    """The stamp of bin edges: what has to be the same for them to be used again."""
    return {
        "target": image_set.fingerprint,
        "bank": bank.fingerprint,
        "view": view_stamp(view),
        "bins": int(bins),
        "cells": int(cells),
        "decoded_for": image_set.decoded_for,
    }


class _Progressing:
    """Iterates a dataset again and again, moving a progress bar."""

    def __init__(self, batches: tf.data.Dataset, shown: tqdm):
        self._batches, self._shown = batches, shown

    def __iter__(self) -> Iterator[tf.Tensor]:
        for images in self._batches:
            yield images
            self._shown.update(int(images.shape[0]))
