"""What a search that was broken off has left, compared with a new one before that one writes anything."""

from __future__ import annotations

from pathlib import Path

from sjft_tf.artifacts import Stamp, check_made_from, load_npz, partial_folder
from sjft_tf.descriptors import BinEdges, DescriptorStore, view_stamp
from sjft_tf.errors import InputError
from sjft_tf.retrieval.request import RetrievalPaths, RetrievalRequest
from sjft_tf.retrieval.search_checkpoint import SCHEMA


def check_begun(request: RetrievalRequest, edges: BinEdges | None, paths: RetrievalPaths) -> None:
    """Refuses what building a table would refuse at these paths after it has described the target.

    Args:
        request: as for `build_neighbor_table`.
        edges: the target's; None where they are not known yet, and not compared.
        paths: the checkpoint of a search (None: it is not taken up) and the kept descriptors are looked at.

    Raises:
        ArtifactMismatch: they are of another target, source, bank, view, edges or number of neighbors.
        InputError: the kept descriptors are damaged.
    """
    wanted = {
        "target": request.target.fingerprint,
        "source": request.source.fingerprint,
        "bank": request.bank.fingerprint,
        "view": view_stamp(request.view),
        "decoded_for": request.source.decoded_for,
        **({} if edges is None else {"edges": edges.fingerprint}),
    }
    if paths.store is not None:
        begun = next((path for path in (paths.store, partial_folder(paths.store)) if path.exists()), None)
        if begun is None:  # then no checkpoint is taken up either
            return
        store = DescriptorStore.open(begun, partial=begun != paths.store)
        _compare(begun, store.made_from, wanted)
    if paths.checkpoint is not None:
        check_begun_search(paths.checkpoint, wanted, request.k)


def check_begun_search(path: Path, wanted: Stamp, k: int) -> None:
    """Raises ArtifactMismatch if there is a checkpoint at `path`, but of another search.

    Args:
        path: as for `SearchCheckpoint`.
        wanted: of the stamp of the table to be what is known; the rest is not compared.
        k: length of the lists.
    """
    try:
        made_from = load_npz(path, SCHEMA)[1]["made_from"]
    except InputError:  # absent, or another kind of file; or damaged, and then the search begins again
        return
    _compare(path, made_from, {**wanted, "neighbors": k})


def _compare(path: Path, made_from: Stamp, wanted: Stamp) -> None:
    both = [name for name in wanted if name in made_from]
    check_made_from(path, {name: made_from[name] for name in both}, {name: wanted[name] for name in both})
