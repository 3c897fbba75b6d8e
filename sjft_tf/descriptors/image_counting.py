"""Images in, counts out, in the way that suits the bank: Gabor filters are counted without their responses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors.bank import FilterBank
from sjft_tf.descriptors.bank_counting import BankCounter
from sjft_tf.descriptors.chunks import answers, chunk_size
from sjft_tf.descriptors.gabor_counting import GaborCounter, countable, images_at_once

Counted = TypeVar("Counted")

Bounds = tuple[list[np.ndarray], list[np.ndarray], bool]
"""Smallest and largest response of each filter, one array [C_l] a layer, and whether all are finite."""


class ImageCounter(Protocol):
    """Counts a bank's responses to images between edges while the caller goes on; a context manager."""

    def start(self, images: tf.Tensor) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """Begins with float32 [n, H, W, 3]; the function returned waits for counts [n, D] and bool [n], all finite."""
        ...

    def start_totals(self, images: tf.Tensor) -> Callable[[], list[np.ndarray]]:
        """Begins to count all images together; the function returned gives int64 [C_l, bins] for each layer."""
        ...


def images_a_chunk(bank: FilterBank, shape: Sequence[int | None]) -> int:
    """Images that a counter is best given at once.

    Args:
        bank: the filters.
        shape: (N, H, W, 3) of the images; N does not matter.
    """
    return images_at_once(shape[1] or 1) if countable(bank, shape) else chunk_size(bank, shape)


def image_counter(
    bank: FilterBank, edges: Sequence[np.ndarray], shape: Sequence[int | None]
) -> contextlib.AbstractContextManager[ImageCounter]:
    """The counter for a bank and images of a shape.

    Args:
        bank: the filters.
        edges: for each layer float32 [C_l, bins - 1], finite, not decreasing along a row.
        shape: (N, H, W, 3) of the images; N does not matter.
    """
    if countable(bank, shape, edges[0].shape[1] + 1):
        return GaborCounter(bank, edges, shape[1] or 1)
    return _AnswersCounter(bank, edges)


def response_bounds(bank: FilterBank, images: tf.Tensor) -> Bounds:
    """The smallest and the largest responses of a bank to images float32 [n, H, W, 3], n > 0."""
    if countable(bank, images.shape):
        with GaborCounter(bank, (), int(images.shape[1])) as counter:
            return counter.bounds(images)
    low: list[np.ndarray] = []
    high: list[np.ndarray] = []
    finite = True
    for responses, count in answers(bank, [images]):
        layers = [layer[:count] for layer in responses]
        finite = finite and all(bool(tf.reduce_all(tf.math.is_finite(layer))) for layer in layers)
        lowest, highest = ([reduce(layer, [0, 1, 2]).numpy() for layer in layers] for reduce in _REDUCE)
        low = [np.minimum(*pair) for pair in zip(low or lowest, lowest, strict=True)]
        high = [np.maximum(*pair) for pair in zip(high or highest, highest, strict=True)]
    return low, high, finite


_REDUCE = (tf.reduce_min, tf.reduce_max)


class _AnswersCounter:
    """Any bank: TensorFlow answers chunk by chunk, the answers are counted."""

    def __init__(self, bank: FilterBank, edges: Sequence[np.ndarray]):
        self._bank, self._counter = bank, BankCounter(edges)

    def __enter__(self) -> _AnswersCounter:
        return self

    def __exit__(self, *error: object) -> None:
        self._counter.__exit__(*error)

    def start(self, images: tf.Tensor) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        finish = self._each_chunk(images, self._counter.start)

        def finished() -> tuple[np.ndarray, np.ndarray]:
            counts, finite = zip(*finish(), strict=True)
            return np.concatenate(counts), np.concatenate(finite)

        return finished

    def start_totals(self, images: tf.Tensor) -> Callable[[], list[np.ndarray]]:
        finish = self._each_chunk(
            images, lambda responses, count: self._counter.start_totals([layer[:count] for layer in responses])
        )
        return lambda: [sum(layers[1:], layers[0]) for layers in zip(*finish(), strict=True)]

    def _each_chunk(
        self, images: tf.Tensor, start: Callable[[list[tf.Tensor], int], Callable[[], Counted]]
    ) -> Callable[[], list[Counted]]:
        """Counts all chunks but the last, which what is returned waits for: the answers to two are held, not to all."""
        done: list[Counted] = []
        counting: list[Callable[[], Counted]] = []
        for responses, count in answers(self._bank, [images]):
            done += [finish() for finish in counting]
            counting = [start(responses, count)]
        return lambda: [*done, *(finish() for finish in counting)]
