"""A search that goes on after it was killed."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from sjft_tf.artifacts import Stamp, check_made_from, load_npz, save_npz
from sjft_tf.errors import InputError
from sjft_tf.retrieval.search import Search
from sjft_tf.schema import Array, Schema, short

KIND = "search checkpoint"
SCHEMA = Schema(
    {"seen": Array("uint8", ("bytes",)), "best": Array("int64", ("targets", "k"))},
    {"kind": str, "made_from": dict},
)


class SearchCheckpoint:
    """The lists of a search that is not finished, written from time to time.

    Args:
        path: the `.npz` file.
        made_from: the stamp of the neighbor table to be.
        k: length of the lists.
        every: source images between two writings, at least 1.
    """

    def __init__(self, path: str | os.PathLike[str], made_from: Stamp, k: int, every: int):
        if every < 1:
            raise InputError(f"--checkpoint_images must be at least 1. Received: {every}")
        self._path, self._every, self._since = Path(path), every, 0
        self._made_from = {**made_from, "neighbors": k}

    def load(self, search: Search) -> bool:
        """Puts `search` where the broken-off one was; False if there is none, or a damaged one, which is told.

        Raises:
            ArtifactMismatch: there is one, of another search.
            InputError: there is another kind of file, which is not for the search to replace.
        """
        if not self._path.exists():
            return False
        try:
            arrays, meta = load_npz(self._path)
        except InputError as error:
            return self._lost(str(error))
        if meta.get("kind") != KIND:
            raise InputError(
                f"{self._path} holds {short(meta.get('kind', 'something else'))}, not a {KIND}. Move it elsewhere."
            )
        if (reason := SCHEMA.wrong(arrays, meta)) is not None:
            return self._lost(f"{self._path} is damaged: {reason}.")
        check_made_from(self._path, meta["made_from"], self._made_from)
        if (reason := search.unfit(arrays)) is not None:
            return self._lost(f"{self._path} is damaged: {reason}.")
        search.restore(arrays)
        return True

    def _lost(self, why: str) -> bool:
        # Only time is lost with it: the search begins again and replaces it.
        logging.getLogger(__name__).warning("%s The search begins again.", why)
        return False

    def passed(self, images: int) -> bool:
        """Counts images searched; True when the search should be saved."""
        self._since += images
        return self._since >= self._every

    def save(self, search: Search) -> None:
        """Writes where `search` is, atomically."""
        save_npz(self._path, search.state(), {"kind": KIND, "made_from": self._made_from})
        self._since = 0
