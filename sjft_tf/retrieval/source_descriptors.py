"""The source's descriptors: made from the images, made and kept, or read where they were kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import check_made_from
from sjft_tf.descriptors import (
    BinEdges,
    DescribedImages,
    DescriptorStore,
    StoreWriter,
    bank_positions,
    extract,
    extract_counts,
    histograms_of,
)
from sjft_tf.errors import InputError
from sjft_tf.images import refuse_changed
from sjft_tf.retrieval.request import RetrievalRequest, store_made_from

Block = tuple[np.ndarray, np.ndarray]


class SourceDescriptors:
    """The descriptors of the source, wherever they come from; to be closed.

    Args:
        request: its source, bank and view.
        edges: bin edges of the target.
        store: folder where descriptors are kept: read if it is complete, else written as they are made. None: they
            are made and not kept.
        batch_size: images described at once.

    Attributes:
        can_resume: whether what was searched before a kill need not be described again.

    Raises:
        ArtifactMismatch: the descriptors kept there are of another source, bank, view or edges.
    """

    def __init__(self, request: RetrievalRequest, edges: BinEdges, store: Path | None, batch_size: int = 64):
        self._source, self._bank, self._view = request.source, request.bank, request.view
        self._edges, self._batch_size = edges, batch_size
        self._store: DescriptorStore | None = None
        self._writer: StoreWriter | None = None
        self.can_resume = True
        if store is None:
            return
        made_from = store_made_from(request, edges)
        if store.exists():
            self._store = DescriptorStore.open(store)
            check_made_from(store, self._store.made_from, made_from)
            return
        self._positions = bank_positions(request.bank, request.view)
        self._writer = DescriptorStore.create(
            store, len(request.source), edges.layer_channels, self._positions, edges.bins, made_from
        )
        # A checkpoint counts rows as done that a store begun only now does not have.
        self.can_resume = self._writer.continued

    def blocks(self, rows: np.ndarray) -> Iterator[Block]:
        """Yields `(rows int32 [n], histograms float32 [n, D])` in the order of `rows`."""
        if self._store is not None:
            yield from self._store.blocks(rows)
        elif self._writer is None:
            yield from extract(self._source, self._bank, self._edges, self._view, rows, self._batch_size)
        else:
            for block_rows, counts in self._kept(self._writer, rows):
                yield block_rows, histograms_of(counts, self._positions, self._edges)

    def _kept(self, writer: StoreWriter, rows: np.ndarray) -> Iterator[Block]:
        for block in extract_counts(self._source, self._bank, self._edges, self._view, rows, self._batch_size):
            writer.write(*block)
            yield block

    def check(self, *others: DescribedImages) -> None:
        """Refuses, and gives up the unfinished store, if an image of the source or of `others` is not what it was."""
        try:
            refuse_changed(self._source, *others)
        except InputError:
            if self._writer is not None:  # nobody knows which rows are of the changed image
                self._writer.discard()
            raise

    def flush(self) -> None:
        """Brings to the disk what has been yielded so far, if it is kept."""
        if self._writer is not None:
            self._writer.flush()

    def finish(self, by_others: bool = False) -> None:
        """Completes the store, if there is to be one: every row has been yielded, here or `by_others` of its place."""
        if self._writer is not None:
            self._writer.continued |= by_others
            self._store, self._writer = self._writer.finish(), None

    def all_kept(self) -> DescriptorStore:
        """The complete store; what is missing in it is described now, also after a kill."""
        if self._writer is not None:
            for _ in self._kept(self._writer, self._writer.missing()):
                pass
            self.check()
            self.finish()
        if self._store is None:
            raise ValueError("`all_kept` needs a place for the store")
        return self._store

    def close(self) -> None:
        """Closes the store; an incomplete one can be gone on with."""
        if self._writer is not None:
            self._writer.close()
