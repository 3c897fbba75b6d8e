"""What a search that was broken off has left, compared with a new one before that one writes anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sjft_tf.artifacts import check_made_from, load_npz
from sjft_tf.descriptors import BinEdges, DescriptorStore, FilterBank, partial_store
from sjft_tf.errors import InputError
from sjft_tf.retrieval.build import RetrievalPaths
from sjft_tf.retrieval.checkpoint import SCHEMA


def check_begun(
    target: Any, source: Any, bank: FilterBank, view: Any, edges: BinEdges | None, k: int, places: RetrievalPaths
) -> None:
    """Refuses what building a table would refuse in these places after it has described the target.

    Args:
        target, source, bank, view, k: as for `build_neighbor_table`.
        edges: the target's; None where they are not known yet, and not compared.
        places: the checkpoint of a search (None: it is not taken up) and the kept descriptors are looked at.

    Raises:
        ArtifactMismatch: they are of another target, source, bank, view, edges or number of neighbors.
        InputError: the kept descriptors are damaged.
    """
    wanted = {
        "target": target.fingerprint,
        "source": source.fingerprint,
        "bank": bank.fingerprint,
        "view": [int(view.resize), int(view.crop)],
        "decoded_for": getattr(source, "decoded_for", None),
        **({} if edges is None else {"edges": edges.fingerprint}),
    }
    if places.store is not None:
        there = next((path for path in (places.store, partial_store(places.store)) if path.exists()), None)
        if there is None:  # then no checkpoint is taken up either
            return
        store = DescriptorStore.open(there, partial=there != places.store)
        _compare(there, store.made_from, wanted)
    if places.checkpoint is not None:
        check_begun_search(places.checkpoint, wanted, k)


def check_begun_search(path: Path, wanted: Mapping[str, Any], k: int) -> None:
    """Raises ArtifactMismatch if there is a checkpoint at `path`, but of another search.

    Args:
        path: as for `SearchCheckpoint`.
        wanted: of the stamp of the table to be what is known; the rest is not compared.
        k: length of the lists.
    """
    try:
        there = load_npz(path, SCHEMA)[1]["made_from"]
    except InputError:  # absent, or another kind of file; or damaged, and then the search begins again
        return
    _compare(path, there, {**wanted, "neighbors": k})


def _compare(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    both = [name for name in wanted if name in there]
    check_made_from(path, {name: there[name] for name in both}, {name: wanted[name] for name in both})
