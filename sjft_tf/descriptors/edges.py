"""Bin edges: for every filter, interior edges that split the target's responses into bins of equal mass."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.artifacts import Stamp, fingerprint, load_npz, save_npz
from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.image_counting import image_counter, response_bounds
from sjft_tf.errors import InputError
from sjft_tf.schema import Array, Schema

FINE_CELLS = 2000
"""Cells of the uniform histogram the edges are read off (the released code's figure)."""


@dataclasses.dataclass(frozen=True, eq=False)
class BinEdges:
    """Interior bin edges of every filter of a bank.

    Bin b of a channel holds the values v with edges[b-1] <= v < edges[b]: a value equal to an edge belongs to the
    bin above it (`np.searchsorted(edges, v, side="right")`), values outside low..high to the two end bins. Equal
    edges make the bins between them empty.

    Attributes:
        edges: for each layer float32 [C_l, bins - 1], finite, not decreasing along a row.
        low: for each layer float32 [C_l], the smallest response seen.
        high: for each layer float32 [C_l], the largest response seen.
        made_from: what they were fitted on (fingerprints of image set and bank, view, bins).
    """

    edges: tuple[np.ndarray, ...]
    low: tuple[np.ndarray, ...]
    high: tuple[np.ndarray, ...]
    made_from: Stamp = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.edges or len({layer.shape[1:] for layer in self.edges}) != 1 or self.edges[0].ndim != 2:
            shapes = [np.shape(layer) for layer in self.edges]
            raise InputError(f"Bin edges must be one [channels, bins - 1] array a layer. Received shapes: {shapes}")
        for number, layer in enumerate(self.edges):
            if not np.isfinite(layer).all() or (np.diff(layer, axis=1) < 0).any():
                raise InputError(f"The bin edges of layer {number} must be finite and must not decrease.")

    @property
    def bins(self) -> int:
        """Bins of every histogram."""
        return self.edges[0].shape[1] + 1

    @property
    def layer_channels(self) -> tuple[int, ...]:
        """Filters in each layer."""
        return tuple(layer.shape[0] for layer in self.edges)

    @property
    def dimensions(self) -> int:
        """Numbers in one descriptor: bins x channels of all layers."""
        return self.bins * sum(self.layer_channels)

    @property
    def fingerprint(self) -> str:
        """Digest of the edges themselves."""
        return fingerprint("edges", *self.edges)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes everything to one `.npz`, atomically."""
        arrays = {}
        for number in range(len(self.edges)):
            arrays[f"edges{number}"] = self.edges[number]
            arrays[f"low{number}"], arrays[f"high{number}"] = self.low[number], self.high[number]
        save_npz(path, arrays, {"kind": "bin edges", "layers": len(self.edges), "made_from": dict(self.made_from)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BinEdges:
        """Reads what `save` wrote; another kind of file raises InputError."""
        arrays, meta = load_npz(path)
        if meta.get("kind") != "bin edges":
            raise InputError(f"{path} holds {meta.get('kind', 'something else')!r}, not bin edges.")
        layers = len(arrays) // 3
        wanted: dict[str, Array] = {}
        for number in range(layers):
            wanted[f"edges{number}"] = Array("float32", (f"C{number}", "bins - 1"))
            wanted |= {f"{name}{number}": Array("float32", (f"C{number}",)) for name in ("low", "high")}
        reason = Schema(wanted, {"layers": int, "made_from": dict}).wrong(arrays, meta)
        if reason is not None or not layers or meta["layers"] != layers:
            reason = reason or f"it says {meta['layers']} layers and holds {layers}"
            raise InputError(f"{path} holds no bin edges: {reason}. Remove it to have it made again.")
        edges, low, high = (
            tuple(arrays[f"{name}{number}"] for number in range(layers)) for name in ("edges", "low", "high")
        )
        try:
            return cls(edges, low, high, meta["made_from"])
        except InputError as error:
            raise InputError(f"{path}: {error} Remove it to have it made again.") from error


def fit_bin_edges(
    bank: FilterBank,
    batches: Iterable[tf.Tensor],
    bins: int = 100,
    cells: int = FINE_CELLS,
    made_from: Stamp | None = None,
) -> BinEdges:
    """Scans the target images twice and returns equal-mass bin edges (SJFT paper, section 3.2).

    First pass: smallest and largest response of each filter. Second pass: a histogram of `cells` uniform cells
    between them. Edge j is where the share j/bins of all values is reached, interpolated within its cell; without
    that the few cells in which most values of a heavy-tailed filter lie would be far coarser than the bins.

    Args:
        bank: the filters.
        batches: float32 [n, H, W, 3] image batches, RGB 0..255. Iterated twice: a tf.data.Dataset or a list.
        bins: bins of the histograms to come, at least 2.
        cells: cells of the fine histogram, at least `bins`.
        made_from: stored with the edges.

    Raises:
        InputError: no images, a response that is NaN or infinite, or bad `bins` or `cells`.
    """
    if bins < 2 or cells < bins:
        raise InputError(f"`bins` must be at least 2 and `cells` at least `bins`. Received: bins={bins}, cells={cells}")

    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    shape: Sequence[int | None] = ()
    for images in batches:
        shape = images.shape
        lowest, highest, finite = response_bounds(bank, images)
        if not finite:
            raise InputError(
                f"Bank {bank.name} answered the target images with NaN or infinite values: "
                "its weights are damaged, or its input is outside what it was trained on."
            )
        low = [np.minimum(*pair) for pair in zip(low or lowest, lowest, strict=True)]
        high = [np.maximum(*pair) for pair in zip(high or highest, highest, strict=True)]
    if not low:
        raise InputError("Bin edges cannot be fitted to an empty image set.")
    totals = [np.zeros((len(one), cells), np.int64) for one in low]

    def add(counts: list[np.ndarray]) -> None:
        for total, layer in zip(totals, counts, strict=True):
            total += layer

    fine = [fine_edges(one, other, cells) for one, other in zip(low, high, strict=True)]
    with image_counter(bank, fine, shape) as counter:
        counting = None
        for images in batches:
            started = counter.start_totals(images)
            if counting:
                add(counting())
            # Counted while the next images are decoded.
            counting = started
        if counting:
            add(counting())
    edges = tuple(equal_mass_edges(*layer, bins) for layer in zip(totals, low, high, strict=True))
    return BinEdges(edges, tuple(low), tuple(high), dict(made_from or {}))


def fine_edges(low: np.ndarray, high: np.ndarray, cells: int) -> np.ndarray:
    """float32 [C, cells - 1]: interior boundaries of `cells` cells of equal width from low to high [C]."""
    share = np.arange(1, cells) / cells
    low64, high64 = low.astype(np.float64)[:, None], high.astype(np.float64)[:, None]
    return (low64 * (1 - share) + high64 * share).astype(np.float32)


def equal_mass_edges(counts: np.ndarray, low: np.ndarray, high: np.ndarray, bins: int) -> np.ndarray:
    """Interior edges that give every bin the same share of a fine histogram's mass.

    Args:
        counts: int [C, cells], a uniform histogram of each channel between low and high.
        low: float [C]; high: float [C].
        bins: number of bins wanted.

    Returns:
        float32 [C, bins - 1], not decreasing; all equal to the value itself where low equals high.
    """
    channels, cells = counts.shape
    cumulative = np.cumsum(counts, axis=1, dtype=np.float64)
    wanted = np.arange(1, bins) / bins
    edges = np.empty((channels, bins - 1), np.float64)
    for channel in range(channels):
        goal = wanted * cumulative[channel, -1]
        cell = np.searchsorted(cumulative[channel], goal, side="left")
        inside = counts[channel, cell]
        position = cell + 1 - (cumulative[channel, cell] - goal) / inside
        bottom, top = float(low[channel]), float(high[channel])
        edges[channel] = bottom + position / cells * (top - bottom)
    clipped = np.clip(edges, low[:, None].astype(np.float64), high[:, None].astype(np.float64))
    return np.maximum.accumulate(clipped.astype(np.float32), axis=1)
