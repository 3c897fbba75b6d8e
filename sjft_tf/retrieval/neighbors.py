"""The neighbor table: for every target image its nearest source images, as an artifact."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from sjft_tf.artifacts import Stamp, atomic_write, load_npz, save_npz
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Schema

_SCHEMA = Schema(
    {"rows": Array("int32", ("targets", "K"), low=0), "distances": Array("float32", ("targets", "K"), low=0)},
    {"kind": str, "made_from": {"source_size?": int}},
)


@dataclasses.dataclass(frozen=True, eq=False)
class NeighborTable:
    """Nearest source rows of every target row, best first; a larger K is a longer prefix of the same lists.

    Attributes:
        rows: int32 [N_t, K_max], source rows; no row twice in a line.
        distances: float32 [N_t, K_max], ascending; equal distances in the order of rows.
        made_from: fingerprints of both image sets, bank, edges, view and distance.

    Raises:
        InputError: arrays that are not such lists.
    """

    rows: np.ndarray
    distances: np.ndarray
    made_from: Stamp = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, distances = self.rows, self.distances
        if rows.ndim != 2 or rows.shape != distances.shape or 0 in rows.shape:
            raise InputError(
                "A neighbor table needs rows and distances of one shape [targets, K], neither 0. "
                f"Received: rows {rows.shape}, distances {distances.shape}"
            )
        if rows.dtype != np.int32 or distances.dtype != np.float32:
            raise InputError(
                f"A neighbor table holds int32 rows and float32 distances. Received: {rows.dtype}, {distances.dtype}"
            )
        if not np.isfinite(distances).all() or (distances < 0).any():
            raise InputError("The distances of a neighbor table must be finite and not negative.")
        size = self.made_from.get("source_size")
        if (rows < 0).any() or (size is not None and (rows >= size).any()):
            raise InputError(
                f"The rows of a neighbor table must be from 0 to {'the source size' if size is None else size} - 1. "
                f"Received: {rows.min()} to {rows.max()}"
            )
        step, tie_step = np.diff(distances, axis=1), np.diff(rows, axis=1)
        if ((step < 0) | ((step == 0) & (tie_step <= 0))).any():
            raise InputError("Every line of a neighbor table must ascend by distance, equal distances by row.")
        if (np.diff(np.sort(rows, axis=1), axis=1) == 0).any():
            raise InputError("A line of the neighbor table names the same source row twice.")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def k_max(self) -> int:
        """Neighbors listed for each target image."""
        return self.rows.shape[1]

    def prefix(self, k: int) -> NeighborTable:
        """The table of the k nearest; the same arrays, not copied."""
        if not 1 <= k <= self.k_max:
            raise InputError(f"`k` must be between 1 and {self.k_max}, the table's length. Received: k={k}")
        return NeighborTable(self.rows[:, :k], self.distances[:, :k], self.made_from)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one `.npz`, atomically."""
        meta = {"kind": "neighbor table", "made_from": dict(self.made_from)}
        save_npz(path, {"rows": self.rows, "distances": self.distances}, meta)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NeighborTable:
        """Reads what `save` wrote; another kind of file raises InputError."""
        arrays, meta = load_npz(path)
        if meta.get("kind") != "neighbor table":
            raise InputError(f"{path} holds {meta.get('kind', 'something else')!r}, not a neighbor table.")
        try:
            if (reason := _SCHEMA.wrong(arrays, meta)) is not None:
                raise InputError(f"it does not hold a table: {reason}.")
            return cls(arrays["rows"], arrays["distances"], meta["made_from"])
        except InputError as error:
            raise InputError(f"{path}: {error} Remove it to have it made again.") from error

    def write_csv(
        self,
        path: str | os.PathLike[str],
        target_ids: Sequence[str] | np.ndarray,
        source_ids: Sequence[str] | np.ndarray,
        counts: Sequence[int] | np.ndarray,
    ) -> None:
        """Writes what each target image borrows: columns target_id, source_id, distance, rank (from 1).

        Args:
            path: the CSV file, written atomically.
            target_ids: ids of the target rows, [N_t].
            source_ids: ids of the source rows.
            counts: int [N_t], how many neighbors of each line to write, 0 to K_max.
        """
        counts = np.asarray(counts)
        if counts.shape != (len(self),) or len(target_ids) != len(self):
            raise InputError(
                f"The table has {len(self)} target images. Received: {len(target_ids)} ids, counts of {counts.shape}"
            )
        if (counts < 0).any() or (counts > self.k_max).any():
            raise InputError(
                f"`counts` must be between 0 and {self.k_max}, the table's length. "
                f"Received: {counts.min()} to {counts.max()}"
            )
        if self.rows.max() >= len(source_ids):
            raise InputError(f"The table names row {self.rows.max()}, but there are {len(source_ids)} source ids.")
        with atomic_write(path, "w") as stream:
            writer = Writer(stream)
            writer.writerow(["target_id", "source_id", "distance", "rank"])
            for target, count in enumerate(counts):
                pairs = zip(self.rows[target, :count], self.distances[target, :count], strict=True)
                writer.writerows(
                    [target_ids[target], source_ids[row], f"{distance:.9g}", rank]
                    for rank, (row, distance) in enumerate(pairs, start=1)
                )
