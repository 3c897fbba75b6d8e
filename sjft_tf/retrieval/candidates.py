"""A FAISS index over projected descriptors: which source images are worth an exact look."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.parallel import cores
from sjft_tf.retrieval.projection import Projection

INDEXES = ("auto", "flat", "ivf")
BLOCK_ROWS = 1024
"""Source rows projected at once."""
_FLAT_BYTES = 1 << 30
# FAISS warns below 39 vectors a cell.
_TRAINING_ROWS = 40
_QUERIES = 256


def faiss_module() -> ModuleType:
    """The optional package, set to use all processors; InputError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise InputError("Approximate search needs FAISS: pip install 'sjft_tf[approximate]'") from error
    faiss.omp_set_num_threads(cores())
    return faiss


class CandidateIndex:
    """Projected source descriptors in a FAISS index.

    `flat` compares a query with all of them. `ivf` sorts them into about sqrt(N) cells, in half precision, and looks
    into the likeliest ones only. Cells want a Euclidean distance, so there the last coordinate z' of a source vector
    (z, z'), whose inner product with (q, 1) counts, is replaced by sqrt(C - |z|^2 - 2 z'): then
    |(q, 0) - (z, .)|^2 = |q|^2 + C - 2 (q . z + z') orders in the same way.

    Attributes:
        name: the index as FAISS's factory calls it.
        dimensions: numbers in a vector.

    Args:
        projection: fitted on samples of both image sets.
        store: the source; a sample of it is read here to find the cells of an inverted file.
        kind: `flat`, `ivf`, or `auto`, which is flat while the vectors take at most 1 GiB.
        probes: cells to look into; 0 for a quarter of them.
        rng: draws the sample.
    """

    def __init__(
        self, projection: Projection, store: DescriptorStore, kind: str, probes: int, rng: np.random.Generator
    ):
        faiss = faiss_module()
        self.dimensions = projection.dimensions
        self._projection, self._vectors = projection, projection.source_function()
        if kind == "auto":
            kind = "flat" if store.images * self.dimensions * 4 <= _FLAT_BYTES else "ivf"
        self._flat = kind == "flat"
        if self._flat:
            self.name = "Flat"
            self._index = faiss.index_factory(self.dimensions, self.name, faiss.METRIC_INNER_PRODUCT)
            return
        cells = max(1, round(math.sqrt(store.images)))
        self.name = f"IVF{cells},SQfp16"
        self._index = faiss.index_factory(self.dimensions, self.name, faiss.METRIC_L2)
        self._index.cp.seed = int(rng.integers(1 << 30))
        rows = np.sort(rng.choice(store.images, min(store.images, _TRAINING_ROWS * cells), replace=False))
        sample = np.concatenate([self._vectors(block) for _, block in store.blocks(rows, BLOCK_ROWS)])
        self._constant = _length(sample).max()
        self._index.train(self._euclidean(sample))
        self._index.nprobe = min(cells, probes or math.ceil(cells / 4))

    def add(self, histograms: np.ndarray) -> None:
        """Takes the next source images, float32 [n, D]; rows are counted from 0."""
        vectors = self._vectors(histograms)
        self._index.add(vectors if self._flat else self._euclidean(vectors))

    def search(self, histograms: np.ndarray, width: int) -> np.ndarray:
        """int32 [N, width]: the likeliest neighbors of target images float32 [N, D], ascending by row."""
        candidates = np.empty((len(histograms), width), np.int32)
        for start in range(0, len(histograms), _QUERIES):
            queries = self._projection.targets(histograms[start : start + _QUERIES])
            if not self._flat:
                queries[:, -1] = 0
            labels = self._index.search(queries, width)[1]
            if not self._flat:
                self._look_further(queries, labels)
            candidates[start : start + _QUERIES] = np.sort(labels, axis=1)
        return candidates

    def _look_further(self, queries: np.ndarray, labels: np.ndarray) -> None:
        """Fills lines whose cells held fewer images than asked for; all cells together hold enough."""
        probes = self._index.nprobe
        while len(lacking := np.flatnonzero((labels < 0).any(axis=1))):
            self._index.nprobe = min(2 * self._index.nprobe, self._index.nlist)
            labels[lacking] = self._index.search(queries[lacking], labels.shape[1])[1]
        self._index.nprobe = probes

    def _euclidean(self, vectors: np.ndarray) -> np.ndarray:
        # Beyond the longest of the sample, the order is only nearly kept: these are the farthest from everything.
        rest = np.sqrt(np.maximum(self._constant - _length(vectors), 0))
        return np.concatenate([vectors[:, :-1], rest[:, None]], axis=1)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.square(vectors[:, :-1]).sum(axis=1) + 2 * vectors[:, -1]
