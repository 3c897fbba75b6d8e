"""What is borrowed from: a neighbor table or a pool."""

from __future__ import annotations

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.pipeline.stages.begun import as_begun
from sjft_tf.pipeline.stages.neighbors import check_table, neighbor_table
from sjft_tf.pipeline.stages.results import show_neighbors
from sjft_tf.pipeline.stages.weighting import check_weights, source_pool
from sjft_tf.run_sets import Sets
from sjft_tf.selection import TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.training import ALONE, Cluster, TrainingSets
from sjft_tf.workdir import Workdir


def retrieved(config: RunConfig, sets: Sets, workdir: Workdir, cluster: Cluster = ALONE) -> TrainingSets:
    """The sets to train on with what the selector needs, in all processes; made by the chief, or found by it."""
    selector = config.selection.selector

    def table() -> dict[str, np.ndarray]:
        neighbors = neighbor_table(as_begun(config, workdir), sets, workdir)
        show_neighbors(sets.target, sets.source_images(), neighbors, workdir)
        return {"rows": neighbors.rows}

    rows, pool = None, None
    if selector in TABLE_SELECTORS:
        rows = cluster.once(table)["rows"]
    elif selector in WEIGHT_SELECTORS:
        pool = cluster.once(lambda: {"pool": source_pool(as_begun(config, workdir), sets, workdir)})["pool"]
    return TrainingSets(sets.target, sets.source, rows, pool)


def check_borrowing(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Refuses a workdir whose table, bin edges or weights are of something else, before anything is written.

    Raises:
        ArtifactMismatch: names both sides.
    """
    if sets.source is None:
        return
    config = as_begun(config, workdir)
    if config.selection.selector in TABLE_SELECTORS:
        check_table(config, sets, workdir)
    elif config.selection.selector in WEIGHT_SELECTORS:
        check_weights(config, sets, workdir)
