"""--bank=features: neighbors by what the run's own starting trunk sees in images, in place of filter statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sjft_tf import progress
from sjft_tf.artifacts import Artifact, Stamp, remove_directory
from sjft_tf.config import RunConfig
from sjft_tf.images import refuse_changed
from sjft_tf.pipeline.networks import starting_features, starting_stamp
from sjft_tf.pipeline.sharding.searching import searcher
from sjft_tf.pipeline.stages.tables import table_artifact
from sjft_tf.retrieval import COSINE, FeatureSource, NeighborTable, build_feature_table
from sjft_tf.run_sets import Sets
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
    artifact, source = feature_artifact(config, sets, k, workdir), sets.source_images()

    def make() -> NeighborTable:
        with workdir.timed("features and retrieval"):
            stream = starting_features(config)
            target = np.concatenate([features for _, features in stream.blocks(sets.target)])

            def blocks(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
                with progress.bar(len(rows), "Features of the source") as shown:
                    for block in stream.blocks(source, rows):
                        yield block
                        shown.update(len(block[0]))

            table = build_feature_table(
                target,
                FeatureSource(len(source), blocks, check=lambda: refuse_changed(sets.target, source)),
                k,
                feature_stamp(config, sets),
                workdir.search,
                memory_mb=config.retrieval.search_memory_mb,
                checkpoint_images=config.retrieval.checkpoint_images,
                elsewhere=searcher(config, source, workdir),
            )
            refuse_changed(sets.target, source)
            workdir.picture.unlink(missing_ok=True)  # it shows an earlier table, if there is one
            return table

    table = artifact.get(make)
    workdir.search.unlink(missing_ok=True)  # of this search, or of a process killed between the two
    remove_directory(workdir.shards)
    return table


def feature_artifact(config: RunConfig, sets: Sets, k: int, workdir: Workdir) -> Artifact[NeighborTable]:
    """The table of these images, trunk, weights and view."""
    return table_artifact(workdir.neighbors, feature_stamp(config, sets), k)


def feature_stamp(config: RunConfig, sets: Sets) -> Stamp:
    """The stamp of a table of features: images, trunk, digest of its weights, view."""
    source = sets.source_images()
    return {
        "target": sets.target.fingerprint,
        "source": source.fingerprint,
        "source_size": len(source),
        "bank": "features",
        "distance": COSINE,
        **starting_stamp(config),
    }
