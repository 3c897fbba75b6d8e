"""What a retrieval is asked for, where its files lie, and the stamps of what it makes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sjft_tf.artifacts import Stamp
from sjft_tf.descriptors import BinEdges, DescribedImages, DescriptorView, FilterBank, view_stamp
from sjft_tf.retrieval.divergence import Layout


@dataclasses.dataclass(frozen=True)
class RetrievalRequest:
    """Whose neighbors are wanted, among which images, compared how, and how many.

    Attributes:
        target: images.ImageSet of labeled target images, described in memory.
        source: images.ImageSet to borrow from, described as a stream.
        bank: the filters.
        view: images.View, the same for both.
        bins: bins of each histogram.
        k: neighbors for each target image, from 1 to len(source).
    """

    target: DescribedImages
    source: DescribedImages
    bank: FilterBank
    view: DescriptorView
    bins: int = 100
    k: int = 100


@dataclasses.dataclass(frozen=True)
class RetrievalPaths:
    """Where the files of a retrieval lie; None: not written, not read.

    Attributes:
        checkpoint: the search as it goes on, so that a killed one continues. The caller removes it
            (`remove_checkpoint`) once the table is safe.
        store: the source's descriptors, kept for other searches; read instead of the images if they are there.
    """

    checkpoint: Path | None = None
    store: Path | None = None

    def remove_checkpoint(self) -> None:
        """To be called when the neighbor table is written."""
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)


NO_FILES = RetrievalPaths()
"""Nothing is kept."""


def neighbors_made_from(request: RetrievalRequest, edges: BinEdges, candidates: float | None = None) -> Stamp:
    """The stamp of a neighbor table; `candidates` of an approximate one."""
    return {
        "target": request.target.fingerprint,
        "source": request.source.fingerprint,
        "source_size": len(request.source),
        "bank": request.bank.fingerprint,
        "view": view_stamp(request.view),
        "edges": edges.fingerprint,
        "distance": Layout(edges.layer_channels, edges.bins).fingerprint,
        "decoded_for": request.source.decoded_for,
        "approximate": candidates,
    }


def store_made_from(request: RetrievalRequest, edges: BinEdges) -> Stamp:
    """The stamp of the source's kept descriptors."""
    return {
        "source": request.source.fingerprint,
        "bank": request.bank.fingerprint,
        "view": view_stamp(request.view),
        "edges": edges.fingerprint,
        "decoded_for": request.source.decoded_for,
    }
