"""--bank=features: neighbors by what the run's own starting trunk sees in images, in place of filter statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from sjft_tf import progress
from sjft_tf.artifacts import check_made_from
from sjft_tf.config import RunConfig
from sjft_tf.images import refuse_changed
from sjft_tf.pipeline.inputs import Sets
from sjft_tf.pipeline.networks import starting_features, starting_stamp
from sjft_tf.retrieval import COSINE, NeighborTable, build_feature_table
from sjft_tf.workdir import Workdir


def feature_table(config: RunConfig, sets: Sets, k: int, workdir: Workdir) -> NeighborTable:
    """The ranked neighbors of every target image by cosine distance of features, found in the workdir or made.

    Args:
        config: all settings.
        sets: with a source.
        k: neighbors of each target image.
        workdir: where table and checkpoint lie.

    Raises:
        ArtifactMismatch: there is a table, but of something else or too short.
        InputError: no such trunk or weights.
    """
    assert sets.source is not None
    made_from = feature_stamp(config, sets)
    if workdir.neighbors.exists():
        table = stored_features(config, sets, k, workdir)
        workdir.search.unlink(missing_ok=True)  # of a process killed between the two
        return table
    with workdir.timed("features and retrieval"):
        stream, source = starting_features(config), sets.source
        target = np.concatenate([features for _, features in stream.blocks(sets.target)])

        def blocks(rows: np.ndarray) -> Any:
            with progress.bar(len(rows), "Features of the source") as shown:
                for block in stream.blocks(source, rows):
                    yield block
                    shown.update(len(block[0]))

        table = build_feature_table(
            *(target, blocks, len(source), k, made_from, workdir.search),
            memory_mb=config.retrieval.search_memory_mb,
            checkpoint_images=config.retrieval.checkpoint_images,
            check=lambda: refuse_changed(sets.target, source),
        )
        refuse_changed(sets.target, source)
        workdir.picture.unlink(missing_ok=True)  # it shows an earlier table, if there is one
        table.save(workdir.neighbors)
        workdir.search.unlink(missing_ok=True)
    return table


def stored_features(config: RunConfig, sets: Sets, k: int, workdir: Workdir) -> NeighborTable:
    """The table that is there, its first k neighbors; ArtifactMismatch if it is of something else or too short."""
    table = NeighborTable.load(workdir.neighbors)
    check_made_from(workdir.neighbors, table.made_from, feature_stamp(config, sets))
    if table.k_max < k:
        check_made_from(workdir.neighbors, {"neighbors": table.k_max}, {"neighbors": k})
    return table.prefix(k)


def feature_stamp(config: RunConfig, sets: Sets) -> dict[str, Any]:
    """The stamp of a table of features: images, trunk, digest of its weights, view."""
    assert sets.source is not None
    return {
        "target": sets.target.fingerprint,
        "source": sets.source.fingerprint,
        "source_size": len(sets.source),
        "bank": "features",
        "distance": COSINE,
        **starting_stamp(config),
    }
