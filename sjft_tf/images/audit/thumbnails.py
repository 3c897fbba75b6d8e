"""Small gray pictures of images and their signatures: what the audit sees of an image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from sjft_tf.images.sets.image_set import ImageSet

SIDE = 32
"""Pixels on a side of a thumbnail."""

MIN_AUDITED_SIDE = 24
"""Images with a shorter side are not judged by their look: too little of it is left to tell two of them apart."""

_FREQUENCIES = 8
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in JPEG
_NOISE = 0.5  # gray levels; an image with less contrast gets a short signature, which is like no other


def thumbnails(images: ImageSet, block: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Thumbnails of all images in order, in blocks; every image is decoded once, on all cores.

    Args:
        images: any image set; its images may differ in size.
        block: images in a block (the last one may have fewer).

    Yields:
        rows int32 [n]; thumbnails float32 [n, 32, 32], luminance in 0..255, squashed to the square;
        large bool [n], whether both sides have at least `MIN_AUDITED_SIDE` pixels.
    """

    def small(element: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image = element["image"]
        # The mean over each cell, in one op on uint8: next to nothing beside the decoding. Gray comes after it,
        # for the whole block at once; both are linear, so the order does not matter.
        (picture,) = tf.unstack(tf.raw_ops.ResizeArea(images=image[None], size=[SIDE, SIDE]), 1)
        return element["row"], picture, tf.reduce_all(tf.shape(image)[:2] >= MIN_AUDITED_SIDE)

    def gray(rows: tf.Tensor, pictures: tf.Tensor, large: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return rows, tf.tensordot(pictures, tf.constant(_LUMINANCE), 1), large

    dataset = images.dataset().map(small, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    yield from dataset.batch(block).map(gray).prefetch(2).as_numpy_iterator()


def _basis() -> tuple[np.ndarray, np.ndarray]:
    """Low frequencies of the orthonormal two-dimensional DCT-II, [SIDE * SIDE, D], and their parity in x, [D]."""
    k, n = np.arange(_FREQUENCIES)[:, None], np.arange(SIDE)
    waves = np.cos(np.pi * k * (n + 0.5) / SIDE) * np.sqrt(np.where(k == 0, 1, 2) / SIDE)
    v, u = np.mgrid[:_FREQUENCIES, :_FREQUENCIES]
    radius = np.hypot(u, v)
    # Without the mean, and round rather than square. Amplitudes of photographs fall with the frequency; the root
    # weighs details up without making the signature too sensitive to a shift (exponents 0, 1/2 and 1 were measured).
    used = (radius > 0) & (radius < _FREQUENCIES)
    products = np.einsum("vy,ux->vuyx", waves, waves)[used] * np.sqrt(radius[used])[:, None, None]
    return products.reshape(-1, SIDE * SIDE).T.astype(np.float32), np.where(u[used] % 2, -1, 1).astype(np.float32)


_BASIS, _PARITY = _basis()


def signatures(pictures: np.ndarray) -> np.ndarray:
    """Unit vectors whose inner product says how alike two thumbnails are in the large: float32 [n, 55].

    Brightness and contrast do not count. A picture without contrast has a vector near zero.
    """
    vectors = pictures.reshape(-1, SIDE * SIDE) @ _BASIS
    return vectors / np.sqrt(np.sum(vectors**2, axis=1, keepdims=True) + (SIDE * _NOISE) ** 2)


def mirrored(vectors: np.ndarray) -> np.ndarray:
    """The signatures of the mirrored pictures: a cosine wave of odd frequency changes its sign."""
    return vectors * _PARITY
