"""A filter bank as one compiled function, and images in chunks of the one size it is compiled for."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from sjft_tf.descriptors.bank import FilterBank, full_float32
from sjft_tf.rounding import PANEL, independent_batch

_COMPILED: weakref.WeakKeyDictionary[FilterBank, tf.types.experimental.GenericFunction] = weakref.WeakKeyDictionary()
_CHUNK_SIZES: weakref.WeakKeyDictionary[FilterBank, dict[tuple[int, int], int]] = weakref.WeakKeyDictionary()


def compiled(bank: FilterBank) -> tf.types.experimental.GenericFunction:
    """`bank.responses` as a graph, traced once for target, source and whatever follows, as long as the bank lives."""
    if bank not in _COMPILED:
        # A strong reference from the value would keep the key alive.
        weak = weakref.ref(bank)
        _COMPILED[bank] = tf.function(lambda images: weak().responses(images), autograph=False)  # type: ignore[union-attr]
    return _COMPILED[bank]


def chunk_size(bank: FilterBank, shape: Sequence[int | None]) -> int:
    """Images the filters see at once: few of large ones, so that responses stay near the CPU.

    Filters round differently for batches of different sizes, and on some processors by the position in a batch. The
    first size is taken at which they do not; see `rounding`.

    Args:
        bank: the filters.
        shape: (N, H, W, 3) of the images; N does not matter.
    """
    height, width = shape[1], shape[2]
    if height is None or width is None:
        return 1
    known = _CHUNK_SIZES.setdefault(bank, {})
    if (height, width) not in known:
        example = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
        room = 2**18 // (height * width)
        sizes = [size for size in (PANEL, PANEL // 2, PANEL // 4) if size <= max(room, PANEL // 4)]
        with full_float32():
            known[height, width] = independent_batch(lambda images: compiled(bank)(tf.constant(images)), example, sizes)
    return known[height, width]


def answers(bank: FilterBank, batches: Iterable[tf.Tensor]) -> Iterator[tuple[list[tf.Tensor], int]]:
    """The responses of a bank to image batches of any size, in chunks of `chunk_size`.

    A chunk that is not full is filled up with black images: so the filters are traced once, and the responses to an
    image depend neither on the images beside it nor on how many there are.

    Args:
        bank: the filters.
        batches: float32 [n, H, W, 3], RGB 0..255; best of `chunk_size` images each.

    Yields:
        The responses of one chunk, for each layer [size, h_l, w_l, C_l], and how many of them, from the first on, are
        to images that were given.
    """
    answer = compiled(bank)
    for images in batches:
        size = chunk_size(bank, images.shape)
        for start in range(0, int(images.shape[0]), size):
            part = images[start : start + size]
            count = int(part.shape[0])
            # The setting is switched around the work only: between chunks the consumer's own applies.
            with full_float32():
                responses = answer(tf.pad(part, [[0, size - count], [0, 0], [0, 0], [0, 0]]))
            yield responses, count
