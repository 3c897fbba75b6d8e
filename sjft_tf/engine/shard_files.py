"""The results of shards in files, until whoever asked for them has taken them in."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import Stamp, fingerprint, load_npz, save_npz
from sjft_tf.errors import InputError
from sjft_tf.schema import Schema

KIND = "shard"


class ShardFiles:
    """A folder of results, a file a shard, each with the stamp of what it was made from.

    A file is whole or absent. Files of other stamps, and damaged ones, count as absent; they are told and removed by
    `waiting`.

    Args:
        folder: made when it is first written to.
        made_from: what a result depends on, beside its rows.
        wanted: the arrays of a result, with "rows" among them.
    """

    def __init__(self, folder: Path, made_from: Stamp, wanted: Schema) -> None:
        self._folder, self._wanted = folder, wanted
        self._made_from = fingerprint(dict(made_from))

    def write(self, arrays: Mapping[str, np.ndarray]) -> str:
        """Writes the result of `arrays["rows"]` and gives the file's name."""
        rows = arrays["rows"]
        name = f"{int(rows[0]) if len(rows) else 0:09d}-{fingerprint(rows)}.npz"
        save_npz(self._folder / name, arrays, {"kind": KIND, "made_from": self._made_from})
        return name

    def read(self, name: str) -> dict[str, np.ndarray]:
        """The result in a file that `write` named.

        Raises:
            InputError: it is missing, damaged, or of something else.
        """
        arrays, meta = load_npz(self._folder / name, self._wanted)
        if (meta.get("kind"), meta.get("made_from")) != (KIND, self._made_from):
            raise InputError(f"{self._folder / name} is the result of other work")
        return arrays

    def waiting(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        """Name and content of every result that lies there, written by whomever."""
        for path in sorted(self._folder.glob("*.npz")) if self._folder.is_dir() else ():
            try:
                arrays = self.read(path.name)
            except InputError as error:
                logging.getLogger(__name__).warning("%s: its images are done again", error)
                path.unlink(missing_ok=True)
            else:
                yield path.name, arrays

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return (self._folder / name).stat().st_size

    def remove(self, name: str) -> None:
        """Removes a result that was taken in."""
        (self._folder / name).unlink(missing_ok=True)
