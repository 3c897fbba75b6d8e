"""From two image sets to a neighbor table: edges, target descriptors, then source descriptors searched as they come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sjft_tf.artifacts import check_made_from
from sjft_tf.descriptors import BinEdges, FilterBank, edges_made_from, extract, target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import nearest


def build_neighbor_table(
    target: Any,
    source: Any,
    bank: FilterBank,
    view: Any,
    bins: int = 100,
    k: int = 100,
    edges_path: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
) -> NeighborTable:
    """Describes both image sets and finds the k nearest source images of every target image.

    Args:
        target: images.ImageSet of labeled target images, described in memory.
        source: images.ImageSet to borrow from, described as a stream and forgotten.
        bank: the filters.
        view: images.View, the same for both.
        bins: bins of each histogram.
        k: neighbors for each target image, from 1 to len(source).
        edges_path: where the bin edges are kept: read if the file is there and was made from the same target,
            bank, view and bins, written otherwise. None: not kept.
        batch_size: images described at once.

    Raises:
        InputError: k out of range. ArtifactMismatch: the edges there are of another target, bank, view or bins.
    """
    if not 1 <= k <= len(source):
        raise InputError(f"`k` must be between 1 and {len(source)}, the number of source images. Received: k={k}")
    wanted = edges_made_from(target, bank, view, bins)
    edges = None
    if edges_path is not None and Path(edges_path).exists():
        edges = BinEdges.load(edges_path)
        check_made_from(edges_path, edges.made_from, wanted)
    fitted = edges is None
    edges, histograms = target_descriptors(target, bank, view, bins, edges=edges, batch_size=batch_size)
    if fitted and edges_path is not None:
        edges.save(edges_path)
    layout = Layout(edges.layer_channels, edges.bins)
    blocks = extract(source, bank, edges, view, batch_size=batch_size)
    rows, distances = nearest(histograms, blocks, k, layout)
    return NeighborTable(rows, distances, neighbors_made_from(target, source, bank, view, edges))


def neighbors_made_from(target: Any, source: Any, bank: FilterBank, view: Any, edges: BinEdges) -> dict[str, Any]:
    """The stamp of a neighbor table."""
    return {
        "target": target.fingerprint,
        "source": source.fingerprint,
        "source_size": len(source),
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "edges": edges.fingerprint,
        "distance": Layout(edges.layer_channels, edges.bins).fingerprint,
    }
