"""Symmetric Kullback-Leibler divergence of descriptors, written as an inner product."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from sjft_tf.artifacts import fingerprint
from sjft_tf.descriptors import full_float32
from sjft_tf.errors import InputError
from sjft_tf.parallel import over_ranges
from sjft_tf.retrieval import search_kernels
from sjft_tf.rounding import PANEL, equal_at_all_positions, padded

log = logging.getLogger(__name__)

EPSILON = 2.2e-16
"""Added to every bin inside the logarithm, so that empty bins have one (the released code's figure)."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the columns of a descriptor are divided.

    Attributes:
        layer_channels: filters in each layer.
        bins: bins of each filter's histogram.
    """

    layer_channels: tuple[int, ...]
    bins: int

    @property
    def dimensions(self) -> int:
        """Columns of a descriptor."""
        return self.bins * sum(self.layer_channels)

    @property
    def fingerprint(self) -> str:
        """Digest of the distance: layout and definition."""
        return fingerprint("symmetric-kl", 1, list(self.layer_channels), self.bins, EPSILON)

    @property
    def width(self) -> int:
        """Columns of the search's products."""
        return 2 * self.dimensions

    def weights(self) -> np.ndarray:
        """float64 [D]: 1/N_l in the columns of layer l, so that every layer counts the same."""
        return np.concatenate([np.full(self.bins * count, 1 / count) for count in self.layer_channels])

    @functools.cached_property
    def weights32(self) -> np.ndarray:
        """The weights as float32; not to be changed."""
        return self.weights().astype(np.float32)

    def check(self, histograms: np.ndarray, what: str) -> None:
        """Raises InputError if `histograms` is not [N, D]."""
        if histograms.ndim != 2 or histograms.shape[1] != self.dimensions:
            raise InputError(
                f"{what} histograms must have {self.dimensions} columns ({self.bins} bins x "
                f"{sum(self.layer_channels)} filters). Received: shape={tuple(histograms.shape)}"
            )

    def of_target(self, histograms: np.ndarray, rows: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """See `augmented_target`."""
        return augmented_target(histograms, self, rows)

    def of_source(self, histograms: np.ndarray, augmented: np.ndarray, own: np.ndarray) -> None:
        """See `augment`."""
        augment(histograms, self, augmented, own)


# The definition. With L(x) = log(x + EPSILON) and w = 1/N_l (SJFT paper, equation 1, halved as in the released code):
#     H(t, s) = 1/2 sum_h w_h sum_b (t_b - s_b) (L(t_b) - L(s_b))
# which is 1/2 [KL(t||s) + KL(s||t)] with EPSILON inside both log ratios. Multiplied out, exactly:
#     2 H = c(t) + c(s) - [w t ; w L(t)] . [L(s) ; s],   c(x) = sum_b w x_b L(x_b)
# Every histogram sums to one, so adding a constant to L changes nothing: we use log(x + EPSILON) - log(1/bins), which
# is near zero where bins have equal mass, and the sums stay small enough for float32. L grows with x, so every term
# of H is >= 0; only rounding can bring it below zero, and that is clamped.


def augment(
    histograms: np.ndarray, layout: Layout, augmented: np.ndarray, own: np.ndarray, logs_first: bool = True
) -> None:
    """Writes logarithms and histograms side by side, in this thread alone.

    Args:
        histograms: float32 [N, D].
        layout: how the columns are divided.
        augmented: float32 [N, 2D], becomes `[L(x) ; x]`, L(x) = log(bins * (x + EPSILON)).
        own: float32 [N], becomes c(x).
        logs_first: False writes `[x ; L(x)]`.
    """
    bins, epsilon = np.float32(layout.bins), np.float32(EPSILON)
    search_kernels.augment(histograms, bins, epsilon, layout.weights32, logs_first, augmented, own)


def augmented_source(
    histograms: np.ndarray, layout: Layout, logs_first: bool = True, rows: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The source's side of the inner product: `[L(s) ; s]` float32 [N, 2D], and c(s) float32 [N].

    With `rows` above N the first result has so many rows, the last ones zero.
    """
    augmented = aligned((max(rows, len(histograms)), 2 * layout.dimensions))
    augmented[len(histograms) :] = 0
    own = np.empty(len(histograms), np.float32)

    def work(begin: int, end: int) -> None:
        augment(histograms[begin:end], layout, augmented[begin:end], own[begin:end], logs_first)

    over_ranges(work, len(histograms), least=16)
    return augmented, own


def augmented_target(histograms: np.ndarray, layout: Layout, rows: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The target's side, layer weights folded in: `[w t ; w L(t)]` float32 [N, 2D], and c(t) float32 [N].

    `rows`: see `augmented_source`.
    """
    augmented, own = augmented_source(histograms, layout, logs_first=False, rows=rows)
    augmented *= np.tile(layout.weights32, 2)
    return augmented, own


def relative_logs(histograms: np.ndarray, layout: Layout) -> np.ndarray:
    """L(x) = log(bins * (x + EPSILON)) of every entry: logarithms relative to a uniform histogram, float32 [N, D]."""
    return augmented_source(histograms, layout)[0][:, : layout.dimensions].copy()


class Distance(Protocol):
    """A distance as the search needs it: (own of the target + own of the source - an inner product) / 2, at least 0.

    `Layout` is that of histograms, `Cosine` that of features.
    """

    @property
    def dimensions(self) -> int:
        """Columns of a descriptor."""

    @property
    def width(self) -> int:
        """Columns of the inner product's two sides."""

    def check(self, descriptors: np.ndarray, what: str) -> None:
        """Raises InputError if these are not descriptors float32 [N, dimensions]."""

    def of_target(self, descriptors: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """The target's side of the product, `aligned` float32 [rows, width], zero from N on; own terms float32 [N]."""

    def of_source(self, descriptors: np.ndarray, side: np.ndarray, own: np.ndarray) -> None:
        """Writes the source's side float32 [N, width] and own terms float32 [N], in this thread alone."""


class Products:
    """The inner products of source images with all target images, each depending on its two images alone.

    Matrix kernels round differently for different shapes, and some do so for the rows and columns left over at the
    ends of one shape: so always `SOURCE_ROWS` source images are multiplied at once with a padded number of targets,
    both multiples of `rounding.PANEL`, and `settle` looks whether that is enough on this machine.

    Args:
        histograms: float32 [N_t, D] of the target.
        layout: how the columns are divided; or another distance.

    Attributes:
        own: c(t) of every target image, float32 [N_t].
        factor: `[w t ; w L(t)]` transposed, float32 [2D, T], as the kernels read what is used again and again; T is
            N_t rounded up to a multiple of `rounding.PANEL`.
        in_order: whether the slow kernel of fixed order is in use.
    """

    SOURCE_ROWS = 12 * PANEL

    def __init__(self, histograms: np.ndarray, layout: Distance):
        augmented, self.own = layout.of_target(histograms, padded(len(histograms)))
        self.factor = tf.transpose(shared(augmented))
        self.in_order = False

    def settle(self, block: np.ndarray) -> None:
        """Multiplies equal rows, and takes the kernel of fixed order from now on if their products differ.

        Args:
            block: float32 [SOURCE_ROWS, 2D], `aligned`; overwritten.
        """
        # A wrong kernel changes about one product in a hundred: with few targets one row may escape.
        for trial in range(min(8, -(-1000 // len(self.own)))):
            block[:] = np.random.default_rng(trial).normal(size=block.shape[1])
            if not equal_at_all_positions([self(block)]):
                self.in_order = True
                log.info(
                    "TensorFlow's matrix product rounds by position on this machine: the search takes a slower one."
                )
                return

    def __call__(self, augmented: np.ndarray) -> np.ndarray:
        """`[w t ; w L(t)] . [L(s) ; s]`, float32 [SOURCE_ROWS, T], of `[L(s) ; s]` float32 [SOURCE_ROWS, 2D]."""
        if self.in_order:
            factor, products = self.factor.numpy(), np.empty((len(augmented), self.factor.shape[1]), np.float32)

            def work(begin: int, end: int) -> None:
                search_kernels.multiply_in_order(augmented, factor, products, begin, end)

            over_ranges(work, len(augmented), least=16)
            return products
        with full_float32():
            return tf.matmul(shared(augmented), self.factor).numpy()


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialized float32 array that TensorFlow can use without copying it."""
    size = int(np.prod(shape))
    memory = np.empty(size + 16, np.float32)
    start = -memory.ctypes.data % 64 // 4
    return memory[start : start + size].reshape(shape)


def shared(array: np.ndarray) -> tf.Tensor:
    """The tensor of an `aligned` array's memory; it must not be used after the array has been changed."""
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def symmetric_kl(target: np.ndarray, source: np.ndarray, layer_channels: Sequence[int], bins: int) -> np.ndarray:
    """Distances between all pairs of descriptors, every layer counting the same.

    Args:
        target: float32 [N_t, D] histograms.
        source: float32 [N_s, D] histograms.
        layer_channels: filters in each layer.
        bins: bins of each histogram.

    Returns:
        float32 [N_t, N_s], >= 0; see the definition above. 0 for equal descriptors, up to float32 rounding.
    """
    layout = Layout(tuple(layer_channels), bins)
    layout.check(target, "Target")
    layout.check(source, "Source")
    (left, own), (right, source_own) = augmented_target(target, layout), augmented_source(source, layout)
    with full_float32():
        product = tf.matmul(left, right, transpose_b=True).numpy()
    return np.maximum(0.5 * (own[:, None] + source_own - product), 0)
