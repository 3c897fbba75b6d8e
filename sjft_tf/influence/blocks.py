"""Features and labels of chosen images, read in blocks: nothing of the arithmetic grows with the number of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sjft_tf.errors import InputError

BLOCK_BYTES = 64 << 20
"""Most memory of one block of features in float64."""


class Block(NamedTuple):
    """Some images: where they stand, their inputs float64 [B, F + 1] (the last column is 1) and labels int64 [B]."""

    place: slice
    inputs: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Scaling:
    """One shift a feature and one factor for all: keeps the geometry the trunk made, and gives L2 a unit.

    Attributes:
        mean: float64 [F].
        factor: what centered features are multiplied by, so that an image's mean squared norm is F.
    """

    mean: np.ndarray
    factor: float

    @classmethod
    def of(cls, features: np.ndarray, rows: np.ndarray) -> Scaling:
        """Fitted to the images of `rows`, in two passes over blocks.

        Raises:
            InputError: a feature is not finite, or all images have the same features.
        """
        total, squares, width = np.zeros(features.shape[1]), 0.0, features.shape[1]
        for part in _parts(len(rows), width, BLOCK_BYTES // 8):
            total += np.asarray(features[rows[part]], np.float64).sum(axis=0)
        mean = total / len(rows)
        for part in _parts(len(rows), width, BLOCK_BYTES // 8):
            squares += float(((np.asarray(features[rows[part]], np.float64) - mean) ** 2).sum())
        if not np.isfinite(squares):
            raise InputError("The features hold NaN or infinite numbers: the trunk's weights have diverged")
        if squares == 0.0:
            raise InputError(f"All {len(rows)} images have the same features: nothing can be learned from them")
        return cls(mean, float(np.sqrt(len(rows) * width / squares)))


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
        self._kept = next(self._read(), None) if len(self._slices()) == 1 else None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def labels(self) -> np.ndarray:
        """int64 [M]."""
        return self._labels[self._rows].astype(np.int64)

    def one_block(self) -> bool:
        """Whether everything fits into one block."""
        return self._kept is not None

    def blocks(self) -> Iterator[Block]:
        """All images in order."""
        return iter([self._kept]) if self._kept is not None else self._read()

    def _slices(self) -> list[slice]:
        return _parts(len(self._rows), self.width, self._block_bytes)

    def _read(self) -> Iterator[Block]:
        for part in self._slices():
            rows = self._rows[part]
            inputs = np.empty((len(rows), self.width))
            inputs[:, :-1] = self._features[rows]
            inputs[:, :-1] -= self._scaling.mean
            inputs[:, :-1] *= self._scaling.factor
            inputs[:, -1] = 1.0
            yield Block(part, inputs, self._labels[rows].astype(np.int64))


def _parts(count: int, width: int, block_bytes: int = BLOCK_BYTES) -> list[slice]:
    size = max(1, block_bytes // (8 * width))
    return [slice(begin, min(begin + size, count)) for begin in range(0, count, size)]
