"""From two image sets to a neighbor table: edges, target descriptors, then source descriptors searched as they come."""

from __future__ import annotations

import contextlib

from sjft_tf.descriptors import BinEdges, TargetDescriptors, full_float32, target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.retrieval.approximate import ApproximateReport, ApproximateSettings, nearest_approximate
from sjft_tf.retrieval.candidates import faiss_module
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.request import NO_FILES, RetrievalPaths, RetrievalRequest, neighbors_made_from
from sjft_tf.retrieval.search import Search
from sjft_tf.retrieval.search_checkpoint import SearchCheckpoint
from sjft_tf.retrieval.shards import SearchOrder, ShardSearcher, fill, probed, probed_rows
from sjft_tf.retrieval.source_descriptors import SourceDescriptors


def build_neighbor_table(
    request: RetrievalRequest,
    paths: RetrievalPaths = NO_FILES,
    *,
    edges: BinEdges | None = None,
    memory_mb: float = 0,
    checkpoint_images: int = 20_000,
    batch_size: int = 64,
    elsewhere: ShardSearcher | None = None,
) -> NeighborTable:
    """Describes both image sets and finds the k nearest source images of every target image.

    Decoding, filters and counting run in threads while the blocks before are searched. Of the source nothing is kept
    but the lists, unless `paths` has a store.

    Args:
        request: whose neighbors among which images.
        paths: which files are kept or used.
        edges: the target's, with the request's bank, view and bins; None: they are fitted here.
        memory_mb: see `Search`.
        checkpoint_images: source images between two writings of the checkpoint.
        batch_size: images handed over at once.
        elsewhere: describes and searches the source in other processes. The table is the same, bit by bit.

    Raises:
        InputError: k out of range, too little memory. ArtifactMismatch: checkpoint or store are of another
            target, source, bank, view or bins.
    """
    size, k = len(request.source), request.k
    if not 1 <= k <= size:
        raise InputError(f"`k` must be between 1 and {size}, the number of source images. Received: k={k}")
    edges, histograms = _described_target(request, edges, batch_size)
    made_from = neighbors_made_from(request, edges)
    search = Search(histograms, k, Layout(edges.layer_channels, edges.bins), memory_mb)
    target = None if elsewhere is None else histograms
    del histograms
    checkpoint = None
    if paths.checkpoint is not None:
        checkpoint = SearchCheckpoint(paths.checkpoint, made_from, k, checkpoint_images)
    # The setting is the whole process's: switched here once, and not by the threads against each other.
    with full_float32(), contextlib.closing(SourceDescriptors(request, edges, paths.store, batch_size)) as descriptors:
        order = None
        if target is not None:
            order = SearchOrder(target, k, made_from, probed(search, descriptors.blocks(probed_rows(size))))
        if checkpoint is not None and descriptors.can_resume:
            checkpoint.load(search)
        for taken in fill(search, size, descriptors.blocks, elsewhere, order):
            if checkpoint is not None and checkpoint.passed(taken):
                descriptors.check(request.target)  # so that what goes on from here goes on from these images
                descriptors.flush()
                checkpoint.save(search)
                if elsewhere is not None:
                    elsewhere.saved()
        descriptors.check(request.target)
        descriptors.finish(elsewhere is not None)
    return NeighborTable(*search.result(), made_from)


def build_approximate_table(
    request: RetrievalRequest,
    paths: RetrievalPaths,
    *,
    edges: BinEdges | None = None,
    candidates: float = 1.5,
    memory_mb: int = 0,
    batch_size: int = 64,
) -> tuple[NeighborTable, ApproximateReport]:
    """As `build_neighbor_table`, by `nearest_approximate` over descriptors that are kept in `paths.store`.

    Args:
        candidates: how many times k source images are ranked exactly for each target image.
        memory_mb: MiB for target descriptors and candidates at work; 0 for 1024.
        The others: see `build_neighbor_table`.

    Returns:
        The table, and what the search measured of itself.
    """
    faiss_module()  # refuses where it is not installed, before hours of describing
    edges, histograms = _described_target(request, edges, batch_size)
    settings = ApproximateSettings(candidates=candidates, memory_mb=memory_mb or 1024)
    with full_float32(), contextlib.closing(SourceDescriptors(request, edges, paths.store, batch_size)) as descriptors:
        store, layout = descriptors.all_kept(), Layout(edges.layer_channels, edges.bins)
        rows, distances, report = nearest_approximate(histograms, store, request.k, layout, settings)
    return NeighborTable(rows, distances, neighbors_made_from(request, edges, candidates)), report


def _described_target(request: RetrievalRequest, edges: BinEdges | None, batch_size: int) -> TargetDescriptors:
    return target_descriptors(
        request.target, request.bank, request.view, request.bins, edges=edges, batch_size=batch_size
    )
