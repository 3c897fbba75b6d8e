"""From two image sets to a neighbor table: edges, target descriptors, then source descriptors searched as they come."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf.artifacts import check_made_from
from sjft_tf.descriptors import (
    BinEdges,
    DescriptorStore,
    FilterBank,
    StoreWriter,
    bank_positions,
    edges_made_from,
    extract,
    extract_counts,
    full_float32,
    histograms_of,
    target_descriptors,
)
from sjft_tf.errors import InputError
from sjft_tf.parallel import ahead
from sjft_tf.retrieval.checkpoint import SearchCheckpoint
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.neighbors import NeighborTable
from sjft_tf.retrieval.search import Search

Block = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the files of a retrieval lie; None: not written, not read.

    Attributes:
        edges: the bin edges, read if they are there and made from the same target, bank, view and bins.
        checkpoint: the search as it goes on, so that a killed one continues. The caller removes it (`remove`) once
            the table is safe.
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
    places: Places = Places(),
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
        source_blocks = _SourceBlocks(source, bank, edges, view, places.store, batch_size)
        cleanup.callback(source_blocks.close)
        if checkpoint is not None and source_blocks.can_resume:
            checkpoint.load(search)
        blocks = ahead(source_blocks.of(search.missing(len(source))))
        cleanup.callback(blocks.close)
        for rows, block in blocks:
            search.add(rows, block)
            if checkpoint is not None and checkpoint.passed(len(rows)):
                source_blocks.flush()
                checkpoint.save(search)
        source_blocks.finish()
    return NeighborTable(*search.result(), made_from)


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
        edges.save(edges_path)
    return edges, histograms


class _SourceBlocks:
    """The source's descriptors: made from the images, made and kept, or read where they were kept."""

    def __init__(self, source: Any, bank: FilterBank, edges: BinEdges, view: Any, path: Path | None, batch_size: int):
        self._source, self._bank, self._edges, self._view = source, bank, edges, view
        self._batch_size = batch_size
        self._store: DescriptorStore | None = None
        self._writer: StoreWriter | None = None
        if path is None:
            self.can_resume = True
            return
        made_from = store_made_from(source, bank, view, edges)
        if path.exists():
            self._store = DescriptorStore.open(path)
            check_made_from(path, self._store.made_from, made_from)
            self.can_resume = True
            return
        positions = bank_positions(bank, view)
        self._writer = DescriptorStore.create(path, len(source), edges.layer_channels, positions, edges.bins, made_from)
        # A checkpoint counts rows as done that a store begun only now does not have.
        self.can_resume = self._writer.continued

    def of(self, rows: np.ndarray) -> Iterator[Block]:
        """The histograms of `rows`, in blocks; written to the store on the way if there is to be one."""
        if self._store is not None:
            yield from self._store.blocks(rows)
        elif self._writer is None:
            yield from extract(self._source, self._bank, self._edges, self._view, rows, self._batch_size)
        else:
            positions = bank_positions(self._bank, self._view)
            blocks = extract_counts(self._source, self._bank, self._edges, self._view, rows, self._batch_size)
            for block_rows, counts in blocks:
                self._writer.write(block_rows, counts)
                yield block_rows, histograms_of(counts, positions, self._edges)

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.finish()
            self._writer = None

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def neighbors_made_from(target: Any, source: Any, bank: FilterBank, view: Any, edges: BinEdges) -> dict[str, Any]:
    """The stamp of a neighbor table."""
    return {
        "target": target.fingerprint,
        "source": source.fingerprint,
        "source_size": len(source),
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "edges": edges.fingerprint,
        "distance": Layout(edges.layer_channels, edges.bins).fingerprint,
        "decoded_for": getattr(source, "decoded_for", None),
    }


def store_made_from(source: Any, bank: FilterBank, view: Any, edges: BinEdges) -> dict[str, Any]:
    """The stamp of the source's kept descriptors."""
    return {
        "source": source.fingerprint,
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "edges": edges.fingerprint,
        "decoded_for": getattr(source, "decoded_for", None),
    }
