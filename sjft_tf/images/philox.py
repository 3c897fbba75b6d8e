"""The numbers of `tf.random.stateless_uniform` for many seeds in one go.

TensorFlow's stateless operations take one seed a call. The stream draws for every image from a seed of its own, and a
call an image costs more than the numbers. Here the same generator (Philox 4x32 with 10 rounds: Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011) works on whole vectors of seeds, with TensorFlow's way from seed
to key, so that the numbers are equal bit by bit. It is in NumPy: as a graph it would be hundreds of operations, which
take longer to trace than a round takes to draw.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_KEY_STEPS = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_SCRAMBLER = np.array([0x3EC8F720, 0x02461E29], np.uint64)
"""The key under which TensorFlow turns a seed into key and counter."""

_LOW, _WORD, _MANTISSA = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0x7FFFFF)


def uniforms(seeds: tf.Tensor) -> tf.Tensor:
    """float32 [..., 4] in [0, 1): `stateless_uniform([4], seed)` for each of `seeds`, int64 [..., 2]."""
    numbers = tf.numpy_function(_uniforms, [seeds], tf.float32, stateful=False)
    return tf.ensure_shape(numbers, [*seeds.shape[:-1], 4])


def integers(seeds: tf.Tensor, below: tf.Tensor) -> tf.Tensor:
    """int64 [...] in [0, below): `stateless_uniform([], seed, 0, below, tf.int64)` for each seed.

    Args:
        seeds: int64 [..., 2].
        below: int64 [...], at least 1.
    """
    numbers = tf.numpy_function(_integers, [seeds, below], tf.int64, stateful=False)
    return tf.ensure_shape(numbers, seeds.shape[:-1])


def permutation(count: int, seed: tuple[int, int]) -> np.ndarray:
    """All of 0 to `count` - 1 in an order drawn with `seed`, int32 [count]: sorted by one 64-bit word each."""
    return permutations(count, np.array([seed], np.int64))[0]


def permutations(count: int, seeds: np.ndarray) -> np.ndarray:
    """`permutation` for each of `seeds`, int64 [M, 2]: int32 [M, count]."""
    keys = _long(_words(seeds))[:, np.newaxis]
    words = _words(np.stack(np.broadcast_arrays(keys, np.arange(count, dtype=np.uint64)), -1))
    return np.argsort(_long(words), axis=-1, kind="stable").astype(np.int32)


def _uniforms(seeds: np.ndarray) -> np.ndarray:
    return (_words(seeds) & _MANTISSA).astype(np.float32) * np.float32(2**-23)


def _integers(seeds: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.asarray(_long(_words(seeds)) % np.asarray(below).astype(np.uint64)).astype(np.int64)


def _long(words: np.ndarray) -> np.ndarray:
    """The first two words as one of 64 bits."""
    return words[..., 0] | words[..., 1] << _WORD


def _words(seeds: np.ndarray) -> np.ndarray:
    """The first four 32-bit words of each seed's stream, uint64 [..., 4]."""
    seeds = seeds.astype(np.uint64)
    halves = np.stack([seeds & _LOW, seeds >> _WORD], -1).reshape(*seeds.shape[:-1], 4)
    mixed = _philox(halves, _SCRAMBLER)
    counter = mixed.copy()
    counter[..., :2] = 0
    return _philox(counter, mixed[..., :2])


def _philox(counter: np.ndarray, key: np.ndarray) -> np.ndarray:
    """From counter [..., 4] under key [..., 2] to [..., 4], words of 32 bits in uint64."""
    for number in range(10):
        if number:
            key = (key + _KEY_STEPS) & _LOW
        products = counter[..., 0::2] * _MULTIPLIERS
        crossed = (products[..., ::-1] >> _WORD) ^ counter[..., 1::2] ^ key
        counter = np.stack([crossed, products[..., ::-1] & _LOW], -1).reshape(counter.shape)
    return counter
