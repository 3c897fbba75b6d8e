"""From two image sets to a neighbor table: edges, target descriptors, then source descriptors searched as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import check_made_from
from sjft_tf.descriptors import BinEdges, FilterBank, edges_made_from, full_float32, target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.images import refuse_changed
from sjft_tf.parallel import ahead
from sjft_tf.retrieval.approximate import ApproximateReport, nearest_approximate
from sjft_tf.retrieval.candidates import faiss_module
from sjft_tf.retrieval.checkpoint import SearchCheckpoint
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import Search
from sjft_tf.retrieval.source import SourceDescriptors


@dataclasses.dataclass(frozen=True)
class RetrievalPaths:
    """Where the files of a retrieval lie; None: not written, not read.

    Attributes:
        edges: the bin edges, read if they are there and made from the same target, bank, view and bins.
        checkpoint: the search as it goes on, so that a killed one continues. The caller removes it
            (`remove_checkpoint`) once the table is safe.
        store: the source's descriptors, kept for other searches; read instead of the images if they are there.
    """

    edges: Path | None = None
    checkpoint: Path | None = None
    store: Path | None = None

    def remove_checkpoint(self) -> None:
        """To be called when the neighbor table is written."""
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)


def build_neighbor_table(
    target: Any,
    source: Any,
    bank: FilterBank,
    view: Any,
    bins: int = 100,
    k: int = 100,
    places: RetrievalPaths = RetrievalPaths(),
    *,
    memory_mb: float = 0,
    checkpoint_images: int = 20_000,
    batch_size: int = 64,
) -> NeighborTable:
    """Describes both image sets and finds the k nearest source images of every target image.

    Decoding, filters and counting run in threads while the blocks before are searched. Of the source nothing is kept
    but the lists, unless `places` has a store.

    Args:
        target: images.ImageSet of labeled target images, described in memory.
        source: images.ImageSet to borrow from, described as a stream.
        bank: the filters.
        view: images.View, the same for both.
        bins: bins of each histogram.
        k: neighbors for each target image, from 1 to len(source).
        places: which files are kept or used.
        memory_mb: see `Search`.
        checkpoint_images: source images between two writings of the checkpoint.
        batch_size: images handed over at once.

    Raises:
        InputError: k out of range, too little memory. ArtifactMismatch: edges, checkpoint or store are of another
            target, source, bank, view or bins.
    """
    if not 1 <= k <= len(source):
        raise InputError(f"`k` must be between 1 and {len(source)}, the number of source images. Received: k={k}")
    edges, histograms = described_target(target, bank, view, bins, places.edges, batch_size)
    made_from = neighbors_made_from(target, source, bank, view, edges)
    search = Search(histograms, k, Layout(edges.layer_channels, edges.bins), memory_mb)
    del histograms
    checkpoint = None
    if places.checkpoint is not None:
        checkpoint = SearchCheckpoint(places.checkpoint, made_from, k, checkpoint_images)
    with contextlib.ExitStack() as cleanup:
        # The setting is the whole process's: switched here once, and not by the threads against each other.
        cleanup.enter_context(full_float32())
        descriptors = SourceDescriptors(source, bank, edges, view, places.store, batch_size)
        cleanup.callback(descriptors.close)
        if checkpoint is not None and descriptors.can_resume:
            checkpoint.load(search)
        blocks = ahead(descriptors.blocks(search.missing(len(source))))
        cleanup.callback(blocks.close)
        for rows, block in blocks:
            search.add(rows, block)
            if checkpoint is not None and checkpoint.passed(len(rows)):
                descriptors.check(target)  # so that what goes on from here goes on from these images
                descriptors.flush()
                checkpoint.save(search)
        descriptors.check(target)
        descriptors.finish()
    return NeighborTable(*search.result(), made_from)


def build_approximate_table(
    target: Any,
    source: Any,
    bank: FilterBank,
    view: Any,
    bins: int = 100,
    k: int = 100,
    places: RetrievalPaths = RetrievalPaths(),
    *,
    candidates: float = 1.5,
    memory_mb: int = 0,
    batch_size: int = 64,
) -> tuple[NeighborTable, ApproximateReport]:
    """As `build_neighbor_table`, by `nearest_approximate` over descriptors that are kept in `places.store`.

    Args:
        candidates: how many times k source images are ranked exactly for each target image.
        memory_mb: MiB for target descriptors and candidates at work; 0 for 1024.
        The others: see `build_neighbor_table`.

    Returns:
        The table, and what the search measured of itself.
    """
    faiss_module()  # refuses where it is not installed, before hours of describing
    edges, histograms = described_target(target, bank, view, bins, places.edges, batch_size)
    with (
        full_float32(),
        contextlib.closing(SourceDescriptors(source, bank, edges, view, places.store, batch_size)) as descriptors,
    ):
        store = descriptors.all_kept()
        rows, distances, report = nearest_approximate(
            *(histograms, store, k, Layout(edges.layer_channels, edges.bins)),
            candidates=candidates,
            memory_mb=memory_mb or 1024,
        )
    made_from = neighbors_made_from(target, source, bank, view, edges, candidates)
    return NeighborTable(rows, distances, made_from), report


def described_target(
    target: Any, bank: FilterBank, view: Any, bins: int, edges_path: str | os.PathLike[str] | None, batch_size: int = 64
) -> tuple[BinEdges, np.ndarray]:
    """Bin edges, read or fitted (and then written), and the target's histograms float32 [N, D].

    Raises:
        ArtifactMismatch: the edges there are of another target, bank, view or bins.
    """
    edges = None
    if edges_path is not None and Path(edges_path).exists():
        edges = BinEdges.load(edges_path)
        check_made_from(edges_path, edges.made_from, edges_made_from(target, bank, view, bins))
    fitted = edges is None
    edges, histograms = target_descriptors(target, bank, view, bins, edges=edges, batch_size=batch_size)
    if fitted and edges_path is not None:
        refuse_changed(target)
        edges.save(edges_path)
    return edges, histograms


def neighbors_made_from(
    target: Any, source: Any, bank: FilterBank, view: Any, edges: BinEdges, candidates: float | None = None
) -> dict[str, Any]:
    """The stamp of a neighbor table; `candidates` of an approximate one."""
    return {
        "target": target.fingerprint,
        "source": source.fingerprint,
        "source_size": len(source),
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "edges": edges.fingerprint,
        "distance": Layout(edges.layer_channels, edges.bins).fingerprint,
        "decoded_for": getattr(source, "decoded_for", None),
        "approximate": candidates,
    }
