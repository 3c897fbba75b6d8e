"""Kept descriptors: the counts of every image in one memory-mapped file, lossless and half the size of histograms."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import (
    RowFile,
    Stamp,
    check_made_from,
    give_back,
    map_rows,
    partial_folder,
    publish,
    remove_directory,
    reserve,
    row_checksums,
    write_json,
)
from sjft_tf.descriptors.store_files import (
    COUNTS,
    META,
    StoreDescription,
    read_checksums,
    read_description,
    remedy_for,
    write_checksums,
)
from sjft_tf.errors import InputError

_CHECKED_ROWS = 512
_WHAT = "descriptors"


class DescriptorStore:
    """The descriptors of an image set in a folder: `counts.npy` [N, D], `checksums.npz`, `meta.json`; read-only.

    Kept are the counts from which histograms are made: uint16, or uint32 where a layer has more than 65,535
    positions. A histogram read back is bit-equal to the one `extract` yields. The file is memory-mapped and its pages
    are given back to the kernel after every reading, so memory does not grow with the number of images. Every row that
    is read is compared with its checksum; one that differs is an InputError.

    Attributes:
        images: number of images N.
        layer_channels: filters in each layer.
        layer_positions: responses (height x width) of one filter in each layer; the sum of every channel's counts.
        bins: bins of each histogram.
        made_from: the stamp given when it was created.
    """

    def __init__(
        self, path: str | os.PathLike[str], description: StoreDescription, checksums: np.ndarray | None = None
    ):
        self.path, self._checksums = Path(path), checksums
        self.images, self.bins = description.images, description.bins
        self.layer_channels, self.layer_positions = description.layer_channels, description.layer_positions
        self.made_from = description.made_from
        self._scale = np.concatenate(
            [
                np.full(self.bins * channels, np.float32(1) / np.float32(positions))
                for channels, positions in zip(self.layer_channels, self.layer_positions, strict=True)
            ]
        )
        self._map, self._counts = map_rows(self.path / COUNTS, description.shape, description.dtype)

    def __len__(self) -> int:
        return self.images

    @property
    def dimensions(self) -> int:
        """Numbers in one descriptor: bins x channels of all layers."""
        return self.bins * sum(self.layer_channels)

    @staticmethod
    def create(
        path: str | os.PathLike[str],
        images: int,
        layer_channels: Sequence[int],
        layer_positions: Sequence[int],
        bins: int,
        made_from: Stamp,
    ) -> StoreWriter:
        """Starts a store, or goes on with one that was broken off.

        It is written in the folder `path` + ".partial", whose whole size is reserved at once, and takes its name when
        `StoreWriter.finish` is called.

        Args:
            path: the folder the store is to become; must not be there yet.
            images: number of images N.
            layer_channels: filters in each layer.
            layer_positions: responses (height x width) of one filter in each layer.
            bins: bins of each histogram.
            made_from: JSON-able stamp (fingerprints of image set, bank, edges, view).

        Raises:
            InputError: the store is there already, numbers that describe none, or too little room on the disk.
            ArtifactMismatch: a partial store of other images, bank, edges or view is there.
        """
        numbers = [images, bins, *layer_channels, *layer_positions]
        if min(numbers) < 1 or len(layer_channels) != len(layer_positions) or not layer_channels:
            raise InputError(
                "A descriptor store needs at least one image, one bin, and for each layer its filters and positions. "
                f"Received: images={images}, bins={bins}, layer_channels={tuple(layer_channels)}, "
                f"layer_positions={tuple(layer_positions)}"
            )
        if Path(path).exists():
            raise InputError(f"{path} is there already. Open it, or remove it to have the descriptors kept again.")
        channels, positions = tuple(int(n) for n in layer_channels), tuple(int(n) for n in layer_positions)
        return StoreWriter(path, StoreDescription(int(images), channels, positions, int(bins), dict(made_from)))

    @classmethod
    def open(cls, path: str | os.PathLike[str], partial: bool = False) -> DescriptorStore:
        """Opens a store; a missing, foreign, damaged or cut-off one raises InputError.

        Args:
            path: the folder.
            partial: it is not finished and has no checksums yet: its rows are not verified.
        """
        description = read_description(Path(path))
        return cls(path, description, None if partial else read_checksums(Path(path), description.images))

    def counts(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """uint16 or uint32 [n, D]: the counts of images `rows` [n], in this order."""
        chosen = _checked_rows(rows, self.images)
        counts = self._verified(chosen)
        # A slice is a view of the mapping, which is given back below and must not be handed out.
        counts = counts.copy() if counts.base is not None else counts
        give_back(self._map)
        return counts

    def histograms(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """float32 [n, D]: the histograms of images `rows` [n], in this order."""
        chosen = _checked_rows(rows, self.images)
        # The same two roundings as in histogram.py: a float32 reciprocal, then a float32 product.
        histograms = np.multiply(self._verified(chosen), self._scale, dtype=np.float32)
        give_back(self._map)
        return histograms

    def blocks(
        self, rows: np.ndarray | Sequence[int] | None = None, block_rows: int = 512
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields `(rows int32 [n], histograms float32 [n, D])` in the order of `rows` (None: all of them)."""
        if block_rows < 1:
            raise InputError(f"`block_rows` must be at least 1. Received: block_rows={block_rows}")
        chosen = np.arange(self.images, dtype=np.int32) if rows is None else _checked_rows(rows, self.images)
        for start in range(0, len(chosen), block_rows):
            part = chosen[start : start + block_rows]
            yield part, self.histograms(part)

    def _verified(self, rows: np.ndarray) -> np.ndarray:
        """The counts of these rows, a view of the mapping where they follow one another."""
        counts = self._counts[_as_slice(rows)]
        if self._checksums is not None:  # a store that is still being written has none
            wrong = rows[row_checksums(counts) != self._checksums[rows]]
            if len(wrong):
                raise InputError(
                    f"{self.path / COUNTS} is damaged: {len(wrong)} of the {len(rows)} rows just read are not what was "
                    f"written (row {wrong[0]} first). {remedy_for(self.path)}"
                )
        return counts


class StoreWriter:
    """Writes a `DescriptorStore`; made by `DescriptorStore.create`.

    Attributes:
        partial: the folder that is written until `finish`.
        continued: whether it was begun by an earlier process.
    """

    def __init__(self, path: str | os.PathLike[str], description: StoreDescription):
        self._path, self._description = Path(path), description
        self.partial = partial_folder(self._path)
        self._shape, self._dtype = description.shape, description.dtype
        self._sums = np.repeat(np.array(description.layer_positions, np.int64), description.layer_channels)
        counts = self.partial / COUNTS
        self.continued = (self.partial / META).exists()
        if self.continued:
            check_made_from(self.partial, read_description(self.partial).stamp, description.stamp)
            map_rows(counts, self._shape, self._dtype)
        else:
            # Written last, the description says that the file of counts is there in its full size.
            reserve(counts, self._shape, self._dtype, _WHAT)
            write_json(self.partial / META, description.to_json())
        self._file = RowFile(counts, self._shape, self._dtype, _WHAT)
        self._seen = np.zeros(self._shape[0], bool)
        self._checksums = np.zeros(self._shape[0], np.uint32)

    def write(self, rows: np.ndarray | Sequence[int], counts: np.ndarray) -> None:
        """Writes the descriptors of some images; a row written again is replaced.

        Args:
            rows: int32 [n], which images.
            counts: integers [n, D], channel-major; every channel's counts sum to the positions of its layer.

        Raises:
            InputError: rows, shape, dtype or sums that cannot be right; a disk that is full after all.
        """
        chosen, counts = _checked_rows(rows, self._shape[0]), np.asarray(counts)
        if counts.shape != (len(chosen), self._shape[1]) or counts.dtype.kind not in "iu":
            raise InputError(
                f"Counts must be integers of shape ({len(chosen)}, {self._shape[1]}), a line for each row. "
                f"Received: {counts.dtype} of shape {counts.shape}"
            )
        if not self._plausible(counts).all():
            raise InputError(
                "Every channel's counts must be at least 0 and sum to the positions of its layer "
                f"({list(self._description.layer_positions)}). They do not in rows "
                f"{chosen[~self._plausible(counts)][:5].tolist()}: they were made with another bank, view or bins."
            )
        lines = np.ascontiguousarray(counts, self._dtype)
        for start, stop in _runs(chosen):
            self._file.write(int(chosen[start]), lines[start:stop])
        self._checksums[chosen] = row_checksums(lines)
        self._seen[chosen] = True

    def flush(self) -> None:
        """Brings everything written so far to the disk: neither `kill -9` nor a power cut takes it back."""
        self._file.flush()

    def finish(self) -> DescriptorStore:
        """Completes the store: it takes its name, and is returned opened for reading.

        Raises:
            InputError: rows that were never written, in this process or an earlier one.
        """
        self.flush()
        missing = self.missing()
        if len(missing):
            raise InputError(
                f"{self.partial} is not complete: row {missing[0]} was not written. Start the same command again."
            )
        self.close()
        write_checksums(self.partial, self._checksums)
        publish(self.partial, self._path)
        return DescriptorStore.open(self._path)

    def close(self) -> None:
        """Closes the file; the partial store stays and can be gone on with."""
        self._file.close()

    def discard(self) -> None:
        """Removes what was written: descriptors of images that are no longer what they were."""
        self.close()
        remove_directory(self.partial)

    def _plausible(self, counts: np.ndarray) -> np.ndarray:
        by_channel = counts.reshape(len(counts), len(self._sums), self._description.bins)
        return (by_channel.sum(axis=2, dtype=np.int64) == self._sums).all(axis=1) & (counts.min(axis=1) >= 0)

    def missing(self) -> np.ndarray:
        """int32, ascending: rows that were written neither by this process nor by an earlier one."""
        # What an earlier process wrote is known by its sums; rows never written, or cut off by a kill, have others.
        unseen = np.flatnonzero(~self._seen).astype(np.int32)
        if not self.continued:
            return unseen
        reader = DescriptorStore(self.partial, self._description)
        missing = [unseen[:0]]
        for start in range(0, len(unseen), _CHECKED_ROWS):
            part = unseen[start : start + _CHECKED_ROWS]
            counts = reader.counts(part)
            self._checksums[part] = row_checksums(counts)
            missing.append(part[~self._plausible(counts)])
        return np.concatenate(missing)


def _checked_rows(rows: np.ndarray | Sequence[int], images: int) -> np.ndarray:
    chosen = np.asarray(rows)
    if chosen.ndim != 1 or (chosen.dtype.kind not in "iu" and len(chosen)):
        raise InputError(f"Rows must be a list of integers. Received: {chosen.dtype} of shape {chosen.shape}")
    if len(chosen) and (chosen.min() < 0 or chosen.max() >= images):
        raise InputError(f"Rows must be from 0 to {images - 1}. Received: {chosen.min()} to {chosen.max()}")
    return chosen.astype(np.int32)


def _as_slice(rows: np.ndarray) -> slice | np.ndarray:
    if len(rows) and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of the stretches in which rows follow one another."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    ends = [0, *breaks.tolist(), len(rows)]
    return [(start, stop) for start, stop in itertools.pairwise(ends) if stop > start]
