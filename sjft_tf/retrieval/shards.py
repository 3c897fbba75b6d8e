"""The source searched in parts, in whatever order, number and process: the same table bit by bit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sjft_tf.artifacts import Stamp, fingerprint
from sjft_tf.parallel import ahead
from sjft_tf.retrieval.search import Found, Search
from sjft_tf.retrieval.topk import NO_PAIR

Blocks = Iterable[tuple[np.ndarray, np.ndarray]]
"""`(rows int32 [n], descriptors float32 [n, D])`."""

_PROBED = 16


@dataclass(frozen=True, eq=False)
class SearchOrder:
    """What another process must know to search a part of the source.

    Attributes:
        target: float32 [N_t, D], the target's descriptors.
        k: neighbors of each target image.
        made_from: the stamp of the table to be.
        probe: what `probed` gives here.
    """

    target: np.ndarray
    k: int
    made_from: Stamp
    probe: str


class ShardSearcher(Protocol):
    """Searches parts of the source in other processes."""

    def __call__(self, order: SearchOrder, search: Search, size: int) -> Generator[Found, None, None]:
        """Yields what is found in parts that together are what `search` misses of the source's `size` images.

        Each is merged into `search` before the next one is asked for.
        """

    def saved(self) -> None:
        """What was yielded so far is safe and need not be given again."""


def search_shard(search: Search, blocks: Blocks, limits: np.ndarray) -> Found:
    """The neighbors among some source images that are nearer than `limits`.

    Args:
        search: of the target; whatever it has is forgotten.
        blocks: descriptors of the source images.
        limits: int64 [N_t], see `Search.limits`.

    Example:
        >>> whole = Search(target, k, layout)
        >>> for shard in shards:
        ...     whole.merge(search_shard(Search(target, k, layout), shard, whole.limits))
    """
    search.restart(limits)
    for rows, descriptors in blocks:
        search.add(rows, descriptors)
    return search.found()


def probed_rows(size: int) -> np.ndarray:
    """The source rows that `probed` is asked about, int32, all over the source."""
    return np.unique(np.linspace(0, size - 1, _PROBED).astype(np.int32))


def probed(search: Search, blocks: Blocks) -> str:
    """A digest of the distances of a few source images: what two processes must agree on to search for one table.

    Two that differ decode, filter or multiply otherwise, as processors with other instruction sets do.
    """
    none = np.full(search.targets, NO_PAIR)
    found = search_shard(search, blocks, none)
    search.restart(none)
    return fingerprint(found.counts, found.pairs)


def fill(
    search: Search,
    size: int,
    blocks: Callable[[np.ndarray], Blocks],
    elsewhere: ShardSearcher | None = None,
    order: SearchOrder | None = None,
) -> Iterator[int]:
    """Gives a search what it misses of the source; yields the number of images after each part.

    Args:
        search: whose lists are filled.
        size: N_s.
        blocks: descriptors of the rows it is given, made here, in a thread ahead of the search.
        elsewhere, order: who searches in place of that, and what for.
    """
    if elsewhere is None or order is None:
        with contextlib.closing(ahead(blocks(search.missing(size)))) as stream:
            for rows, descriptors in stream:
                search.add(rows, descriptors)
                yield len(rows)
        return
    with contextlib.closing(elsewhere(order, search, size)) as parts:
        for found in parts:
            search.merge(found)
            yield len(found.rows)
