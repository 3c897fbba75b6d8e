"""From two image sets to a neighbor table: edges, target descriptors, then source descriptors searched as they come."""

from __future__ import annotations

import contextlib

from sjft_tf.artifacts import check_made_from
from sjft_tf.descriptors import BinEdges, TargetDescriptors, edges_made_from, full_float32, target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.images import refuse_changed
from sjft_tf.parallel import ahead
from sjft_tf.retrieval.approximate import ApproximateReport, ApproximateSettings, nearest_approximate
from sjft_tf.retrieval.candidates import faiss_module
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.request import NO_FILES, RetrievalPaths, RetrievalRequest, neighbors_made_from
from sjft_tf.retrieval.search import Search
from sjft_tf.retrieval.search_checkpoint import SearchCheckpoint
from sjft_tf.retrieval.source_descriptors import SourceDescriptors


def build_neighbor_table(
    request: RetrievalRequest,
    paths: RetrievalPaths = NO_FILES,
    *,
    described: TargetDescriptors | None = None,
    memory_mb: float = 0,
    checkpoint_images: int = 20_000,
    batch_size: int = 64,
) -> NeighborTable:
    """Describes both image sets and finds the k nearest source images of every target image.

    Decoding, filters and counting run in threads while the blocks before are searched. Of the source nothing is kept
    but the lists, unless `paths` has a store.

    Args:
        request: whose neighbors among which images.
        paths: which files are kept or used.
        described: the target, if it is described already, with the request's bank, view and bins; let go of as soon as
            the search has it. None: it is described here, with the edges at `paths.edges` if there are some.
        memory_mb: see `Search`.
        checkpoint_images: source images between two writings of the checkpoint.
        batch_size: images handed over at once.

    Raises:
        InputError: k out of range, too little memory. ArtifactMismatch: edges, checkpoint or store are of another
            target, source, bank, view or bins.
    """
    size, k = len(request.source), request.k
    if not 1 <= k <= size:
        raise InputError(f"`k` must be between 1 and {size}, the number of source images. Received: k={k}")
    edges, histograms = described_target(request, paths, batch_size) if described is None else described
    del described
    made_from = neighbors_made_from(request, edges)
    search = Search(histograms, k, Layout(edges.layer_channels, edges.bins), memory_mb)
    del histograms
    checkpoint = None
    if paths.checkpoint is not None:
        checkpoint = SearchCheckpoint(paths.checkpoint, made_from, k, checkpoint_images)
    # The setting is the whole process's: switched here once, and not by the threads against each other.
    with full_float32(), contextlib.closing(SourceDescriptors(request, edges, paths.store, batch_size)) as descriptors:
        _search_source(request, search, descriptors, checkpoint)
    return NeighborTable(*search.result(), made_from)


def _search_source(
    request: RetrievalRequest, search: Search, descriptors: SourceDescriptors, checkpoint: SearchCheckpoint | None
) -> None:
    """Gives the search every source image that an earlier process did not give it."""
    if checkpoint is not None and descriptors.can_resume:
        checkpoint.load(search)
    with contextlib.closing(ahead(descriptors.blocks(search.missing(len(request.source))))) as blocks:
        for rows, block in blocks:
            search.add(rows, block)
            if checkpoint is not None and checkpoint.passed(len(rows)):
                descriptors.check(request.target)  # so that what goes on from here goes on from these images
                descriptors.flush()
                checkpoint.save(search)
        descriptors.check(request.target)
        descriptors.finish()


def build_approximate_table(
    request: RetrievalRequest,
    paths: RetrievalPaths,
    *,
    described: TargetDescriptors | None = None,
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
    edges, histograms = described_target(request, paths, batch_size) if described is None else described
    settings = ApproximateSettings(candidates=candidates, memory_mb=memory_mb or 1024)
    with full_float32(), contextlib.closing(SourceDescriptors(request, edges, paths.store, batch_size)) as descriptors:
        store, layout = descriptors.all_kept(), Layout(edges.layer_channels, edges.bins)
        rows, distances, report = nearest_approximate(histograms, store, request.k, layout, settings)
    return NeighborTable(rows, distances, neighbors_made_from(request, edges, candidates)), report


def described_target(request: RetrievalRequest, paths: RetrievalPaths, batch_size: int = 64) -> TargetDescriptors:
    """Bin edges, read from `paths.edges` or fitted (and then written), and the target's histograms.

    Raises:
        ArtifactMismatch: the edges there are of another target, bank, view or bins.
    """
    target, bank, view, bins = request.target, request.bank, request.view, request.bins
    edges = None
    if paths.edges is not None and paths.edges.exists():
        edges = BinEdges.load(paths.edges)
        check_made_from(paths.edges, edges.made_from, edges_made_from(target, bank, view, bins))
    described = target_descriptors(target, bank, view, bins, edges=edges, batch_size=batch_size)
    if edges is None and paths.edges is not None:
        refuse_changed(target)
        described.edges.save(paths.edges)
    return described
