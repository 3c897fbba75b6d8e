"""From the row of an image set to its image: what `ImageSet.load` is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from sjft_tf.images.decoding.decode import decode, decode_plain
from sjft_tf.images.decoding.values import ValueRange

Loader = Callable[[tf.Tensor], tf.Tensor]
"""From a scalar int32 row to its uint8 [H, W, 3] image; must work eagerly and inside a graph."""


@runtime_checkable
class Reducible(Protocol):
    """A loader that can have large JPEG images decoded smaller."""

    def reduced(self, side: int) -> Loader:
        """The loader for images that will be squashed to `side` pixels, see `decode.decode_plain`."""


def reduced(loader: Loader, side: int) -> Loader:
    """`loader.reduced(side)`, or the loader itself where nothing can be decoded smaller."""
    return loader.reduced(side) if isinstance(loader, Reducible) else loader


@runtime_checkable
class Scalable(Protocol):
    """A loader of images some of which may have more than 8 bits."""

    def scaled(self, given: ValueRange) -> Loader:
        """The loader that takes these values for black and white, see `decode.decode_image`."""


def scaled(loader: Loader, given: ValueRange) -> Loader:
    """`loader.scaled(given)`, or the loader itself where all images have 8 bits."""
    return loader.scaled(given) if isinstance(loader, Scalable) else loader


def on_cpu(value: np.ndarray) -> tf.Tensor:
    """A constant in host memory, so that `tf.data` can use it and an accelerator's memory stays free."""
    with tf.device("CPU:0"):
        return tf.constant(value)


@dataclasses.dataclass(frozen=True)
class EncodedImages:
    """Decodes the bytes at a row.

    Args:
        read: from a scalar int32 row to the encoded image, scalar string.
        plain: bool [N], see `decode.is_plain`.
        all_plain: whether every image is plain, which keeps Python out of the pipeline.
        side: see `reduced`; None (default) decodes every image in full.
        given: see `scaled`; None (default): what the type of the values says.
    """

    read: Callable[[tf.Tensor], tf.Tensor]
    plain: tf.Tensor
    all_plain: bool
    side: int | None = None
    given: ValueRange | None = None

    @classmethod
    def of(cls, read: Callable[[tf.Tensor], tf.Tensor], plain: np.ndarray) -> EncodedImages:
        return cls(read, on_cpu(plain), bool(plain.all()))

    def __call__(self, row: tf.Tensor) -> tf.Tensor:
        encoded = self.read(row)
        if self.all_plain:
            return decode_plain(encoded, self.side)
        return decode(encoded, tf.gather(self.plain, row), self.side, self.given)

    def reduced(self, side: int) -> EncodedImages:
        return dataclasses.replace(self, side=side)

    def scaled(self, given: ValueRange) -> EncodedImages:
        return dataclasses.replace(self, given=given)


def python_reader(read: Callable[[int], bytes]) -> Callable[[tf.Tensor], tf.Tensor]:
    """A Python function from row to bytes as one that works inside a graph."""

    def at(row: tf.Tensor) -> tf.Tensor:
        encoded = tf.numpy_function(lambda r: read(int(r)), [row], tf.string, stateful=False)
        encoded.set_shape([])
        return encoded

    return at


@dataclasses.dataclass(frozen=True)
class PickedRows:
    """Row i is row `index[i]` of another loader."""

    loader: Loader
    index: tf.Tensor

    def __call__(self, row: tf.Tensor) -> tf.Tensor:
        return self.loader(tf.gather(self.index, row))

    def reduced(self, side: int) -> PickedRows:
        return PickedRows(reduced(self.loader, side), self.index)

    def scaled(self, given: ValueRange) -> PickedRows:
        return PickedRows(scaled(self.loader, given), self.index)


@dataclasses.dataclass(frozen=True)
class JoinedSets:
    """The rows of several loaders one after another.

    Args:
        parts: the loaders.
        starts: int32 [P], the row each begins at; ascending from 0.
    """

    parts: Sequence[Loader]
    starts: tf.Tensor

    def __call__(self, row: tf.Tensor) -> tf.Tensor:
        part = tf.searchsorted(self.starts, row[None], side="right")[0] - 1
        local = row - tf.gather(self.starts, part)

        def from_part(loader: Loader) -> Callable[[], tf.Tensor]:
            return lambda: loader(local)  # not in the list below, where all would get the last loader

        return tf.switch_case(part, [from_part(loader) for loader in self.parts])

    def reduced(self, side: int) -> JoinedSets:
        return JoinedSets([reduced(part, side) for part in self.parts], self.starts)

    def scaled(self, given: ValueRange) -> JoinedSets:
        return JoinedSets([scaled(part, given) for part in self.parts], self.starts)
