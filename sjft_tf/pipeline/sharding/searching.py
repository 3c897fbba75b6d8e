"""The search of the source by workers: each describes a shard's images and compares them with the target's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sjft_tf.artifacts import Stamp, fingerprint, load_npz, save_npz
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import BinEdges, full_float32
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.parallel import ahead
from sjft_tf.pipeline.inputs import descriptor_view, filter_bank, for_descriptors
from sjft_tf.pipeline.networks import starting_features
from sjft_tf.pipeline.sharding.shared import OTHER_ARITHMETIC, ShardJob, SharedImages, naming_images
from sjft_tf.retrieval import (
    Cosine,
    Distance,
    Found,
    Layout,
    RetrievalRequest,
    Search,
    SearchOrder,
    SourceDescriptors,
    probed,
    probed_rows,
    search_shard,
)
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

_FOUND = Schema(
    {
        "rows": Array("int32", ("images",), low=0),
        "counts": Array("int32", ("targets",), low=0),
        "pairs": Array("int64", ("pairs",), low=0),
    },
    {"kind": str, "made_from": str},
)
_DESCRIBED = Schema({"target": Array("float32", ("targets", "numbers"))}, {"kind": str})
_TARGET = "target.npz"


@dataclass(frozen=True)
class SearchWork:
    """The search of shards of the source, see `engine.Work`.

    Attributes:
        config: which filter bank or trunk, which view.
        source: the images.
        folder: where the target's descriptors and the results lie.
        target: digest of the descriptors.
        edges: the target's bin edges; "" of features.
        store: where descriptors are kept; "" for nowhere.
        k: neighbors of each target image.
        made_from: the table's stamp.
        probe: what the launcher has of `probed`.
    """

    config: RunConfig
    source: SharedImages
    folder: str
    target: str
    edges: str
    store: str
    k: int
    made_from: Stamp
    probe: str

    def open(self) -> Callable[[np.ndarray, np.ndarray], str]:
        """Takes rows int32 [n] and limits int64 [N_t], gives the name of the file with what was found."""
        source = self.source.open()
        target = load_npz(Path(self.folder) / _TARGET, _DESCRIBED)[0]["target"]
        if fingerprint(target) != self.target:
            raise InputError(f"{Path(self.folder) / _TARGET} is not the launcher's: --workdir is another folder here")
        blocks, distance, flush = self._described(source, target.shape[1])
        search = Search(target, self.k, distance, self.config.retrieval.search_memory_mb)
        files = ShardJob.files(Path(self.folder), self.made_from, _FOUND)
        with full_float32():
            if probed(search, blocks(probed_rows(len(source)))) != self.probe:
                raise InputError(OTHER_ARITHMETIC)

        def search_rows(rows: np.ndarray, limits: np.ndarray) -> str:
            with full_float32(), naming_images(), contextlib.closing(ahead(blocks(rows))) as stream:
                found = search_shard(search, stream, limits)
            refuse_changed(source)
            flush()
            return files.write(found._asdict())

        return search_rows

    def _described(self, source: ImageSet, dimensions: int) -> tuple[Callable, Distance, Callable[[], object]]:
        """What describes rows of the source, how descriptors are compared, and what brings kept ones to the disk."""
        if not self.edges:
            stream = starting_features(self.config)
            return lambda rows: stream.blocks(source, rows), Cosine(dimensions), lambda: None
        edges, images = BinEdges.load(self.edges), for_descriptors(self.config, source)
        # Of a request's target nothing is asked here.
        request = RetrievalRequest(images, images, filter_bank(self.config), descriptor_view(self.config))
        described = SourceDescriptors(request, edges, Path(self.store) if self.store else None)
        return described.blocks, Layout(edges.layer_channels, edges.bins), described.flush


def searcher(config: RunConfig, source: ImageSet, workdir: Workdir, store: Path | None = None) -> DaskSearcher | None:
    """Who searches the source in place of this process; None for nobody. Arguments as for `DaskSearcher`."""
    return DaskSearcher(config, source, workdir, store) if config.engine.engine == "dask" else None


class DaskSearcher:
    """Has the source searched by Dask's workers, see `retrieval.ShardSearcher`.

    Args:
        config: with --engine=dask.
        source: as it is opened, before `for_descriptors`.
        workdir: results lie in it until they are safe.
        store: where descriptors are kept; None for nowhere.
    """

    def __init__(self, config: RunConfig, source: ImageSet, workdir: Workdir, store: Path | None = None) -> None:
        self._config, self._source, self._workdir, self._store = config, source, workdir, store
        self._job: ShardJob | None = None

    def __call__(self, order: SearchOrder, search: Search, size: int) -> Generator[Found, None, None]:
        """See `ShardSearcher`."""
        made_from = {**order.made_from, "neighbors": order.k}
        job = self._job = ShardJob(self._config, self._source, self._workdir.shards / "search", made_from, _FOUND)
        for arrays in job.waiting():
            # What the checkpoint of a search that was broken off has already is not taken twice.
            if search.misfit(found := Found(**arrays)) is None:
                yield found
        if not len(rows := search.missing(size)):
            return
        save_npz(job.folder / _TARGET, {"target": order.target}, {"kind": "descriptors of the target"})
        work = SearchWork(
            self._config,
            SharedImages.of_source(self._config, self._source, self._workdir, job.folder),
            str(job.folder.absolute()),
            fingerprint(order.target),
            str(self._workdir.edges.absolute()) if self._config.retrieval.bank != "features" else "",
            str(self._store.absolute()) if self._store is not None else "",
            order.k,
            made_from,
            order.probe,
        )
        with contextlib.closing(job.results(work, rows, lambda: search.limits)) as results:
            for arrays in results:
                yield Found(**arrays)

    def saved(self) -> None:
        """See `ShardSearcher`."""
        if self._job is not None:
            self._job.taken()
