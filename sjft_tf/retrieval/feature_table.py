"""From the features of two image sets to a neighbor table: by the angle between them, the source as a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import Stamp
from sjft_tf.descriptors import full_float32
from sjft_tf.errors import InputError
from sjft_tf.retrieval.cosine import Cosine
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import Search
from sjft_tf.retrieval.search_checkpoint import SearchCheckpoint
from sjft_tf.retrieval.shards import SearchOrder, ShardSearcher, fill, probed, probed_rows

Blocks = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class FeatureSource:
    """The features of the source, as a stream.

    Attributes:
        size: N_s.
        blocks: gives `(rows int32 [n], features float32 [n, F])` for the rows int32 [M] it is given.
        check: called before a checkpoint is written; raises if the images are no longer what they were.
    """

    size: int
    blocks: Callable[[np.ndarray], Blocks]
    check: Callable[[], None] = lambda: None


def build_feature_table(
    target: np.ndarray,
    source: FeatureSource,
    k: int,
    made_from: Stamp,
    checkpoint: Path | None = None,
    *,
    memory_mb: float = 0,
    checkpoint_images: int = 20_000,
    elsewhere: ShardSearcher | None = None,
) -> NeighborTable:
    """The k source images whose features point most nearly where the target image's do, for every target image.

    Exact. Of the source nothing is kept but the lists.

    Args:
        target: float32 [N_t, F].
        source: N_s images and their features.
        k: neighbors of each target image, from 1 to N_s.
        made_from: the table's stamp.
        checkpoint: the search as it goes on; to be removed once the table is safe. None: none is written.
        memory_mb: see `Search`.
        checkpoint_images: source images between two writings of it.
        elsewhere: makes and compares features in other processes. The table is the same, bit by bit.

    Raises:
        InputError: k out of range, too little memory, features that are not finite.
        ArtifactMismatch: the checkpoint is of another search.
    """
    if not 1 <= k <= source.size:
        raise InputError(f"`k` must be between 1 and {source.size}, the number of source images. Received: k={k}")
    search = Search(target, k, Cosine(target.shape[1]), memory_mb)
    progress = None if checkpoint is None else SearchCheckpoint(checkpoint, made_from, k, checkpoint_images)
    with full_float32():
        order = None
        if elsewhere is not None:
            order = SearchOrder(target, k, made_from, probed(search, source.blocks(probed_rows(source.size))))
        if progress is not None:
            progress.load(search)
        for taken in fill(search, source.size, source.blocks, elsewhere, order):
            if progress is not None and progress.passed(taken):
                source.check()
                progress.save(search)
                if elsewhere is not None:
                    elsewhere.saved()
    return NeighborTable(*search.result(), made_from)
