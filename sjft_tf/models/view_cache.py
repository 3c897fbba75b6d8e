"""Views of image sets that are scored after every round, kept in host memory within a limit."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

import tensorflow as tf


class ViewCache:
    """Keeps the prepared batches of image sets that fit, so that their images are decoded and viewed once.

    A batch of whole numbers, which is what a view without resizing gives, is kept in 8 bits; others as they are. Either
    way what comes out is what went in, bit by bit.

    Args:
        limit: bytes of all sets together; a set that does not fit into what is left is prepared anew every time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._kept: dict[Hashable, list[tuple[tf.Tensor, int]]] = {}
        self._too_large: set[Hashable] = set()

    def batches(
        self, key: Hashable | None, prepare: Callable[[], Iterable[tuple[tf.Tensor, int]]]
    ) -> Iterator[tuple[tf.Tensor, int]]:
        """The batches of `prepare`, or those kept from an earlier call with the same key.

        Args:
            key: says which images, in which order and batches; None is never kept.
            prepare: makes the batches: float32 [B, H, W, 3] and the number of images in it.

        Yields:
            The same, float32.
        """
        if key in self._kept:
            for images, size in self._kept[key]:
                yield tf.cast(images, tf.float32), size
            return
        if key is None or key in self._too_large or self.used >= self.limit:
            yield from prepare()
            return
        stored: list[tuple[tf.Tensor, int]] | None = []
        taken = 0
        for images, size in prepare():
            if stored is not None:
                small = _in_8_bits(images)
                taken += small.dtype.size * int(tf.size(small))
                if self.used + taken > self.limit:
                    stored = None
                    self._too_large.add(key)
                else:
                    stored.append((small, size))
            yield images, size
        if stored is not None and key not in self._kept:
            self._kept[key] = stored
            self.used += taken


def _in_8_bits(images: tf.Tensor) -> tf.Tensor:
    """uint8 where that loses nothing, else the images themselves; in host memory."""
    with tf.device("CPU:0"):
        small = tf.cast(tf.clip_by_value(images, 0.0, 255.0), tf.uint8)
        return small if bool(tf.reduce_all(tf.cast(small, tf.float32) == images)) else tf.identity(images)
