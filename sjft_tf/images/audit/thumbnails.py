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


def thumbnails(
    images: ImageSet, block: int, rows: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Thumbnails of images in order, in blocks; every image is decoded once, on all cores.

    Args:
        images: any image set; its images may differ in size.
        block: images in a block (the last one may have fewer).
        rows: int32 [M], which images; None (default) for all.

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

    dataset = images.dataset(rows).map(small, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    for some, pictures, large in dataset.batch(block).prefetch(2).as_numpy_iterator():
        # One operation after the other, and no matrix product: a gray level does not depend on where it stands.
        red, green, blue = (np.float32(share) * pictures[..., i] for i, share in enumerate(_LUMINANCE))
        yield some, red + green + blue, large


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
    return _to_grid(products.reshape(-1, SIDE * SIDE).T, 22), np.where(u[used] % 2, -1.0, 1.0)


def _to_grid(values: np.ndarray, bits: int) -> np.ndarray:
    """float64, multiples of 2^-bits: sums of products of such numbers are exact while they fit in 53 bits."""
    return np.rint(values * np.float64(2**bits)) / 2**bits


_BASIS, _PARITY = _basis()


def signatures(pictures: np.ndarray) -> np.ndarray:
    """Unit vectors whose inner product says how alike two thumbnails are in the large: float64 [n, 55].

    Brightness and contrast do not count. A picture without contrast has a vector near zero. Here and in products of two
    of them every sum is exact, since its terms lie on a grid: so the division into blocks changes no bit.
    """
    # 19 bits of gray and 20 of the basis, 1,024 times: 49 bits. Of vectors 20 bits twice, 55 times: 46.
    vectors = _to_grid(pictures.reshape(-1, SIDE * SIDE), 11) @ _BASIS
    return _to_grid(vectors / np.sqrt(np.sum(vectors**2, axis=1, keepdims=True) + (SIDE * _NOISE) ** 2), 20)


def mirrored(vectors: np.ndarray) -> np.ndarray:
    """The signatures of the mirrored pictures: a cosine wave of odd frequency changes its sign."""
    return vectors * _PARITY
