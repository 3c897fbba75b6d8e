"""The retrieval stage: a neighbor table of the right length, found in the workdir or made."""

from __future__ import annotations

import dataclasses
import logging

from sjft_tf.artifacts import check_made_from, write_json
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import BinEdges, FilterBank, edges_made_from, partial_store, target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, reduction_error, refuse_changed
from sjft_tf.pipeline.inputs import Sets, descriptor_view, filter_bank, for_descriptors
from sjft_tf.pipeline.stages.feature_neighbors import feature_stamp, feature_table, stored_features
from sjft_tf.retrieval import (
    NeighborTable,
    RetrievalPaths,
    build_approximate_table,
    build_neighbor_table,
    check_begun,
    check_begun_search,
    neighbors_made_from,
)
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
    bank, view = filter_bank(config), descriptor_view(config)
    target, source = for_descriptors(config, sets.target), for_descriptors(config, sets.source)
    settings = config.retrieval
    places = _places(config, workdir)
    if workdir.neighbors.exists():
        table = _stored(config, target, source, bank, k, workdir)
        places.remove_checkpoint()  # of a process killed between the two
        return table
    with workdir.timed("descriptors and retrieval"):
        if settings.reduced_decoding:
            mean, largest = reduction_error(sets.source, settings.descriptor_resize, view)
            log.info("--reduced_decoding moves source pixels by %.2f of 255 on average, %.0f at most", mean, largest)
        table = _search(config, target, source, bank, k, places, workdir)
        refuse_changed(target, source)
        workdir.picture.unlink(missing_ok=True)  # it shows an earlier table, if there is one
        table.save(workdir.neighbors)
        places.remove_checkpoint()
    return table


def check_table(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Raises ArtifactMismatch if there is a table, or the beginning of one, but of something else or too short."""
    assert sets.source is not None
    k, there = list_length(config, len(sets.source)), workdir.neighbors.exists()
    if config.retrieval.bank == "features":
        if there:
            stored_features(config, sets, k, workdir)
        else:
            check_begun_search(workdir.search, feature_stamp(config, sets), k)
        return
    places = _places(config, workdir)
    begun = [places.edges, places.checkpoint, places.store, places.store and partial_store(places.store)]
    if not there and not any(path is not None and path.exists() for path in begun):
        return  # a bank may take seconds to open
    bank, target, source = filter_bank(config), *(for_descriptors(config, s) for s in (sets.target, sets.source))
    if there:
        _stored(config, target, source, bank, k, workdir)
        return
    edges = target_edges(config, target, bank, workdir) if workdir.edges.exists() else None
    if config.retrieval.search != "exact":  # which goes on with kept descriptors, not with lists
        places = dataclasses.replace(places, checkpoint=None)
    check_begun(target, source, bank, descriptor_view(config), edges, k, places)


def keeps_descriptors(config: RunConfig) -> bool:
    """Whether the source's descriptors stay in the workdir."""
    return config.retrieval.keep_descriptors or config.retrieval.search == "approximate"


def _places(config: RunConfig, workdir: Workdir) -> RetrievalPaths:
    return RetrievalPaths(workdir.edges, workdir.search, workdir.descriptors if keeps_descriptors(config) else None)


def _search(
    config: RunConfig,
    target: ImageSet,
    source: ImageSet,
    bank: FilterBank,
    k: int,
    places: RetrievalPaths,
    workdir: Workdir,
) -> NeighborTable:
    settings, view = config.retrieval, descriptor_view(config)
    if settings.search == "exact":
        return build_neighbor_table(
            *(target, source, bank, view, settings.bins, k, places),
            memory_mb=settings.search_memory_mb,
            checkpoint_images=settings.checkpoint_images,
        )
    table, report = build_approximate_table(
        *(target, source, bank, view, settings.bins, k, places),
        candidates=settings.search_candidates,
        memory_mb=settings.search_memory_mb,
    )
    log.info(
        "approximate search: finds %.2f%% of the %d nearest (measured on %d target images); %s",
        *(100 * report.recall, k, report.sample, workdir.search_report),
    )
    write_json(workdir.search_report, report.to_json())
    return table


def _stored(
    config: RunConfig, target: ImageSet, source: ImageSet, bank: FilterBank, k: int, workdir: Workdir
) -> NeighborTable:
    table, view = NeighborTable.load(workdir.neighbors), descriptor_view(config)
    edges = target_edges(config, target, bank, workdir)
    candidates = config.retrieval.search_candidates if config.retrieval.search == "approximate" else None
    wanted = neighbors_made_from(target, source, bank, view, edges, candidates)
    check_made_from(workdir.neighbors, table.made_from, wanted)
    if table.k_max < k:
        check_made_from(workdir.neighbors, {"neighbors": table.k_max}, {"neighbors": k})
    return table.prefix(k)


def target_edges(config: RunConfig, target: ImageSet, bank: FilterBank, workdir: Workdir) -> BinEdges:
    """The bin edges fitted to the target (as `for_descriptors` gives it), found in the workdir or fitted."""
    view, bins = descriptor_view(config), config.retrieval.bins
    if workdir.edges.exists():
        edges = BinEdges.load(workdir.edges)
        check_made_from(workdir.edges, edges.made_from, edges_made_from(target, bank, view, bins))
        return edges
    with workdir.timed("bin edges"):
        edges, _ = target_descriptors(target, bank, view, bins)
        refuse_changed(target)
        edges.save(workdir.edges)
    return edges
