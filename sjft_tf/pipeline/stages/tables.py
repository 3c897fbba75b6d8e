"""A neighbor table as an artifact: of the same inputs, and long enough."""

from __future__ import annotations

from pathlib import Path

from sjft_tf.artifacts import Artifact, Stamp
from sjft_tf.retrieval import NeighborTable


def table_artifact(path: Path, made_from: Stamp, k: int) -> Artifact[NeighborTable]:
    """The table of the k nearest; one with longer lists will do, one with shorter lists is another.

    Args:
        path: the file.
        made_from: the stamp of the table, see `neighbors_made_from` and `feature_stamp`.
        k: neighbors of each target image.
    """

    def load(path: Path) -> tuple[NeighborTable, Stamp]:
        table = NeighborTable.load(path)
        length = min(k, table.k_max)
        return table.prefix(length), {**table.made_from, "neighbors": length}

    return Artifact(path, {**made_from, "neighbors": k}, load, lambda path, table, _: table.save(path))
