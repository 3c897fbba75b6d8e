"""Features and labels of chosen images, read in blocks: nothing of the arithmetic grows with the number of images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sjft_tf.models import BLOCK_BYTES, Scaling, block_slices


class Block(NamedTuple):
    """Some images: where they stand, their inputs float64 [B, F + 1] (the last column is 1) and labels int64 [B]."""

    rows: slice
    inputs: np.ndarray
    labels: np.ndarray


class Examples:
    """The images of `rows`, scaled and with a constant input for the bias.

    Args:
        features: float [N, F]; may be memory-mapped.
        labels: int [N].
        scaling: of the features.
        rows: int [M], which images; None for all.
        block_bytes: most memory of a block. Where all images fit into one, it is made once and kept.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        scaling: Scaling,
        rows: np.ndarray | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self._features, self._labels, self._scaling = features, np.asarray(labels), scaling
        self._rows = np.arange(len(features)) if rows is None else np.asarray(rows)
        self._block_bytes = block_bytes
        self.width = features.shape[1] + 1
        self._only_block = next(self._read(), None) if len(self._slices()) == 1 else None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def labels(self) -> np.ndarray:
        """int64 [M]."""
        return self._labels[self._rows].astype(np.int64)

    def one_block(self) -> bool:
        """Whether everything fits into one block."""
        return self._only_block is not None

    def blocks(self) -> Iterator[Block]:
        """All images in order."""
        return iter([self._only_block]) if self._only_block is not None else self._read()

    def _slices(self) -> list[slice]:
        return block_slices(len(self._rows), self.width, self._block_bytes)

    def _read(self) -> Iterator[Block]:
        for part in self._slices():
            rows = self._rows[part]
            inputs = np.empty((len(rows), self.width))
            inputs[:, :-1] = self._features[rows]
            inputs[:, :-1] -= self._scaling.mean
            inputs[:, :-1] *= self._scaling.factor
            inputs[:, -1] = 1.0
            yield Block(part, inputs, self._labels[rows].astype(np.int64))
