"""The retrieval stage: a neighbor table of the right length, found in the workdir or made."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from sjft_tf.artifacts import Artifact, Stamp, partial_folder, remove_directory, write_json
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import BinEdges, DescribedImages, FilterBank, edges_made_from, fit_target_edges
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, reduction_error, refuse_changed
from sjft_tf.pipeline.inputs import descriptor_view, filter_bank, for_descriptors
from sjft_tf.pipeline.sharding.searching import searcher
from sjft_tf.pipeline.stages.feature_neighbors import feature_artifact, feature_stamp, feature_table
from sjft_tf.pipeline.stages.tables import table_artifact
from sjft_tf.retrieval import (
    NeighborTable,
    RetrievalPaths,
    RetrievalRequest,
    build_approximate_table,
    build_neighbor_table,
    check_begun,
    check_begun_search,
    neighbors_made_from,
)
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def list_length(config: RunConfig, num_source: int) -> int:
    """How many neighbors the table keeps: enough for an image that is wrong in every round, within the limit.

    Raises:
        InputError: K0 is larger than a list can be.
    """
    longest = min(num_source, config.retrieval.max_neighbors)
    k0 = config.selection.fixed_k0()
    if k0 is None:
        return longest
    if k0 > longest:
        raise InputError(
            f"--k0={k0} is more than the {longest} neighbors a list can have "
            f"({num_source} source images, --max_neighbors={config.retrieval.max_neighbors})"
        )
    growth = max(config.selection.wrong_growth, config.selection.uncertain_growth) * (config.training.rounds - 1)
    return min(longest, k0 * (1 + growth))


def neighbor_table(config: RunConfig, sets: Sets, workdir: Workdir) -> NeighborTable:
    """The ranked neighbors of every target image.

    A table in the workdir is used if it was made from the same images, bank, view and bins (or trunk, weights and view)
    and is long enough.

    Raises:
        ArtifactMismatch: there is a table, but of something else or too short.
        InputError: there is no source.
    """
    if sets.source is None:
        raise InputError("There is nothing to retrieve from: give --source, and a --selector other than none")
    k = list_length(config, len(sets.source))
    if config.retrieval.bank == "features":
        return feature_table(config, sets, k, workdir)
    request, paths = _request(config, sets, k), _paths(config, workdir)
    edges = target_edges(config, request.target, request.bank, workdir)
    original = sets.source

    def make() -> NeighborTable:
        with workdir.timed("descriptors and retrieval"):
            if config.retrieval.reduced_decoding:
                _tell_reduction(config, original)
            table = _search(config, original, request, edges, paths, workdir)
            refuse_changed(request.target, request.source)
            workdir.picture.unlink(missing_ok=True)  # it shows an earlier table, if there is one
            return table

    table = _artifact(config, request, edges, workdir).get(make)
    paths.remove_checkpoint()  # of this search, or of a process killed between the two
    remove_directory(workdir.shards)
    return table


def check_table(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Raises ArtifactMismatch if there is a table, or the beginning of one, but of something else or too short."""
    k, there = list_length(config, len(sets.source_images())), workdir.neighbors.exists()
    if config.retrieval.bank == "features":
        if there:
            feature_artifact(config, sets, k, workdir).stored()
        else:
            check_begun_search(workdir.search, feature_stamp(config, sets), k)
        return
    paths = _paths(config, workdir)
    begun = [workdir.edges, paths.checkpoint, paths.store, paths.store and partial_folder(paths.store)]
    if not there and not any(path is not None and path.exists() for path in begun):
        return  # a bank may take seconds to open
    request = _request(config, sets, k)
    if there:
        _artifact(config, request, target_edges(config, request.target, request.bank, workdir), workdir).stored()
        return
    edges = edges_artifact(config, request.target, request.bank, workdir).stored()
    if config.retrieval.search != "exact":  # which goes on with kept descriptors, not with lists
        paths = dataclasses.replace(paths, checkpoint=None)
    check_begun(request, edges, paths)


def keeps_descriptors(config: RunConfig) -> bool:
    """Whether the source's descriptors stay in the workdir."""
    return config.retrieval.keep_descriptors or config.retrieval.search == "approximate"


def _paths(config: RunConfig, workdir: Workdir) -> RetrievalPaths:
    return RetrievalPaths(workdir.search, workdir.descriptors if keeps_descriptors(config) else None)


def _request(config: RunConfig, sets: Sets, k: int) -> RetrievalRequest:
    target, source = for_descriptors(config, sets.target), for_descriptors(config, sets.source_images())
    return RetrievalRequest(target, source, filter_bank(config), descriptor_view(config), config.retrieval.bins, k)


def _search(
    config: RunConfig,
    source: ImageSet,
    request: RetrievalRequest,
    edges: BinEdges,
    paths: RetrievalPaths,
    workdir: Workdir,
) -> NeighborTable:
    settings = config.retrieval
    if settings.search == "exact":
        return build_neighbor_table(
            request,
            paths,
            edges=edges,
            memory_mb=settings.search_memory_mb,
            checkpoint_images=settings.checkpoint_images,
            elsewhere=searcher(config, source, workdir, paths.store),
        )
    table, report = build_approximate_table(
        request, paths, edges=edges, candidates=settings.search_candidates, memory_mb=settings.search_memory_mb
    )
    log.info(
        "approximate search: finds %.2f%% of the %d nearest (measured on %d target images); %s",
        *(100 * report.recall, request.k, report.sample, workdir.search_report),
    )
    write_json(workdir.search_report, report.to_json())
    return table


def _tell_reduction(config: RunConfig, source: ImageSet) -> None:
    mean, largest = reduction_error(source, config.retrieval.descriptor_resize, descriptor_view(config))
    log.info("--reduced_decoding moves source pixels by %.2f of 255 on average, %.0f at most", mean, largest)


def _artifact(
    config: RunConfig, request: RetrievalRequest, edges: BinEdges, workdir: Workdir
) -> Artifact[NeighborTable]:
    candidates = config.retrieval.search_candidates if config.retrieval.search == "approximate" else None
    return table_artifact(workdir.neighbors, neighbors_made_from(request, edges, candidates), request.k)


def edges_artifact(
    config: RunConfig, target: DescribedImages, bank: FilterBank, workdir: Workdir
) -> Artifact[BinEdges]:
    """The bin edges of the target (as `for_descriptors` gives it)."""

    def load(path: Path) -> tuple[BinEdges, Stamp]:
        edges = BinEdges.load(path)
        return edges, edges.made_from

    made_from = edges_made_from(target, bank, descriptor_view(config), config.retrieval.bins)
    return Artifact(workdir.edges, made_from, load, lambda path, edges, _: edges.save(path))


def target_edges(config: RunConfig, target: DescribedImages, bank: FilterBank, workdir: Workdir) -> BinEdges:
    """The bin edges fitted to the target, found in the workdir or fitted."""

    def make() -> BinEdges:
        with workdir.timed("bin edges"):
            edges = fit_target_edges(target, bank, descriptor_view(config), config.retrieval.bins)
            refuse_changed(target)
            return edges

    return edges_artifact(config, target, bank, workdir).get(make)
