"""Approximate nearest neighbors among kept descriptors: candidates from a FAISS index, ranked exactly."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sjft_tf import progress
from sjft_tf.descriptors import DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.retrieval.candidates import BLOCK_ROWS, INDEXES, CandidateIndex, faiss_module
from sjft_tf.retrieval.divergence import Layout
from sjft_tf.retrieval.projection import Projection, fit_projection
from sjft_tf.retrieval.rerank import pair_distances
from sjft_tf.retrieval.search import nearest

_TARGET_SAMPLE, _SOURCE_SAMPLE = 512, 4096
_SORTED_LINES = 256
# Short lists need more spare candidates than long ones, and few images cost little.
_SPARE = 256


@dataclasses.dataclass(frozen=True)
class ApproximateReport:
    """How an approximate search went; see `nearest_approximate`.

    Attributes:
        targets: target images.
        sources: source images.
        k: neighbors of each target image.
        candidates: source images ranked exactly for each target image.
        index: the index the candidates came from, as FAISS's factory calls it; `none` where all were ranked.
        dimensions: numbers in a projected descriptor.
        sample: target images that were searched exactly as well.
        recall: mean share of their k nearest that the approximate search found.
        excess: mean relative excess of their k-th distance over the true one.
        seconds: time of each part: fit, index, candidates, rank, measure.
    """

    targets: int
    sources: int
    k: int
    candidates: int
    index: str
    dimensions: int
    sample: int
    recall: float
    excess: float
    seconds: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON-able values."""
        return {**dataclasses.asdict(self), "seconds": {name: round(value, 3) for name, value in self.seconds.items()}}


@dataclasses.dataclass(frozen=True)
class ApproximateSettings:
    """How exact an approximate search is, and at what price; see `nearest_approximate`.

    Attributes:
        candidates: how many times k images are ranked exactly, at least 1; never fewer than k + 256.
        dimensions: of the projected divergence; more find better candidates and take longer.
        index: `flat` compares with every source image, `ivf` with those of the likeliest cells of an inverted file;
            `auto` is flat while the projected descriptors take at most 1 GiB.
        probes: cells an inverted file looks into; 0 for a quarter of them.
        sample: target images to measure with.
        seed: of the samples and of the cells.
        memory_mb: MiB for target descriptors and candidates at work.

    Raises:
        InputError: one of them is out of range.
    """

    candidates: float = 1.5
    dimensions: int = 128
    index: str = "auto"
    probes: int = 0
    sample: int = 64
    seed: int = 0
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        for name in ("candidates", "dimensions", "sample"):
            if not getattr(self, name) >= 1:
                raise InputError(f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}")
        if self.index not in INDEXES:
            raise InputError(f"`index` must be one of {', '.join(INDEXES)}. Received: index={self.index!r}")

    def width(self, k: int, sources: int) -> int:
        """Candidates of each target image, of so many source images."""
        return min(max(math.ceil(self.candidates * k), k + _SPARE), sources)


def nearest_approximate(
    target_histograms: np.ndarray,
    store: DescriptorStore,
    k: int,
    layout: Layout,
    settings: ApproximateSettings = ApproximateSettings(),
) -> tuple[np.ndarray, np.ndarray, ApproximateReport]:
    """The k nearest source images of every target image, nearly all of them the true ones.

    Descriptors are projected (see `projection.Projection`), the best `candidates` x k of each target image by the
    projected divergence are found by FAISS, and their exact divergence decides. Distances are therefore exact; what
    can be wrong is that a near image is missing. How many are is measured on a sample and reported. The store is
    read once to build the index and to measure, and once for each group of target images that fits into the memory.
    The same arguments give the same result.

    Args:
        target_histograms: float32 [N_t, D].
        store: descriptors of the source.
        k: neighbors for each target image, from 1 to the number of source images.
        layout: how the D columns are divided.
        settings: how exact, and at what price.

    Returns:
        rows int32 [N_t, k] and distances float32 [N_t, k], ascending by (distance, row), and the report.

    Raises:
        InputError: FAISS is not installed, k out of range, or descriptors of another layout.
    """
    target_histograms = np.ascontiguousarray(target_histograms, np.float32)
    _check(target_histograms, store, k, layout)
    rng = np.random.default_rng(settings.seed)
    clock = _Clock()
    targets = len(target_histograms)
    measured = np.sort(rng.choice(targets, min(settings.sample, targets), replace=False))
    width = settings.width(k, store.images)
    report = ApproximateReport(
        targets=targets,
        sources=store.images,
        k=k,
        candidates=width,
        index="none",
        dimensions=store.dimensions,
        sample=len(measured),
        recall=1.0,
        excess=0.0,
        seconds=clock.seconds,
    )
    if width == store.images:
        rows, distances = nearest(target_histograms, store.blocks(block_rows=BLOCK_ROWS), k, layout)
        clock.lap("rank")
        return rows, distances, report
    projection = _fit(target_histograms, store, settings.dimensions, layout, rng)
    clock.lap("fit")
    searcher = CandidateIndex(projection, store, settings.index, settings.probes, rng)
    clock.lap("index")
    true = nearest(target_histograms[measured], _indexed(searcher, store, clock), k, layout)
    clock.lap("measure")
    rows = np.empty((targets, k), np.int32)
    distances = np.empty((targets, k), np.float32)
    # Logarithms of the descriptors; rows and distances of the candidates, and the same sorted.
    group = max(1, (settings.memory_mb << 20) // (4 * layout.dimensions + 24 * width))
    for start in range(0, targets, group):
        part = slice(start, start + group)
        candidates = searcher.search(target_histograms[part], width)
        clock.lap("candidates")
        rows[part], distances[part] = _rank(target_histograms[part], candidates, store, k, layout)
        clock.lap("rank")
    recall, excess = _compare((rows[measured], distances[measured]), true)
    report = dataclasses.replace(
        report, index=searcher.name, dimensions=projection.dimensions, recall=recall, excess=excess
    )
    return rows, distances, report


def _check(histograms: np.ndarray, store: DescriptorStore, k: int, layout: Layout) -> None:
    layout.check(histograms, "Target")
    if len(histograms) == 0:
        raise InputError("There are no target images to find neighbors of.")
    if (store.layer_channels, store.bins) != (tuple(layout.layer_channels), layout.bins):
        raise InputError(
            f"The store in {store.path} holds {store.bins} bins of {store.layer_channels} filters, the target has "
            f"{layout.bins} bins of {tuple(layout.layer_channels)}. Keep the descriptors again with this bank."
        )
    if not 1 <= k <= store.images:
        raise InputError(f"`k` must be between 1 and {store.images}, the number of source images. Received: k={k}")
    faiss_module()


def _fit(
    histograms: np.ndarray, store: DescriptorStore, dimensions: int, layout: Layout, rng: np.random.Generator
) -> Projection:
    targets = np.sort(rng.choice(len(histograms), min(_TARGET_SAMPLE, len(histograms)), replace=False))
    sources = np.sort(rng.choice(store.images, min(_SOURCE_SAMPLE, store.images), replace=False))

    def source_blocks() -> Iterator[np.ndarray]:
        return (block for _, block in store.blocks(sources, BLOCK_ROWS))

    return fit_projection(histograms[targets], source_blocks, dimensions, layout)


def _indexed(index: CandidateIndex, store: DescriptorStore, clock: _Clock) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The blocks of the store, each put into the index on its way to the exact search of the sample."""
    with progress.bar(store.images, "Indexing the kept descriptors") as shown:
        for rows, block in store.blocks(block_rows=BLOCK_ROWS):
            index.add(block)
            shown.update(len(rows))
            clock.lap("index")
            yield rows, block
            clock.lap("measure")


def _rank(
    histograms: np.ndarray, candidates: np.ndarray, store: DescriptorStore, k: int, layout: Layout
) -> tuple[np.ndarray, np.ndarray]:
    exact = pair_distances(histograms, candidates, store, layout)
    rows, distances = np.empty((len(candidates), k), np.int32), np.empty((len(candidates), k), np.float32)
    for start in range(0, len(candidates), _SORTED_LINES):
        part = slice(start, start + _SORTED_LINES)
        # As in topk.py: the bits of a float32 >= 0 order like the number, ties are settled by the row below them.
        keys = (exact[part].view(np.int32).astype(np.int64) << 32) | candidates[part]
        keys.partition(k - 1, axis=1)
        keys = np.sort(keys[:, :k], axis=1)
        rows[part] = keys & 0xFFFFFFFF
        distances[part] = (keys >> 32).astype(np.int32).view(np.float32)
    return rows, distances


def _compare(approximate: tuple[np.ndarray, np.ndarray], true: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Mean share of the true rows that were found, and mean relative excess of the last distance."""
    shared = [len(np.intersect1d(a, b)) for a, b in zip(approximate[0], true[0], strict=True)]
    last, least = approximate[1][:, -1].astype(np.float64), true[1][:, -1].astype(np.float64)
    excess = (last - least) / np.maximum(least, np.finfo(np.float32).tiny)
    return float(np.mean(shared)) / true[0].shape[1], float(np.mean(np.where(least > 0, excess, last > 0)))


class _Clock:
    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("fit", "index", "candidates", "rank", "measure"), 0.0)
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self._last = now
