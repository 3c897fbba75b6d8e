"""The numbers of `tf.random.stateless_uniform` for many seeds in one go.

TensorFlow's stateless operations take one seed a call. The stream draws for every image from a seed of its own, and a
call an image costs more than the numbers. Here the same generator (Philox 4x32 with 10 rounds: Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", SC 2011) is written in operations on whole vectors of seeds, with
TensorFlow's way from seed to key, so that the numbers are equal bit by bit.
"""

from __future__ import annotations

import tensorflow as tf

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLER = (0x3EC8F720, 0x02461E29)
"""The key under which TensorFlow turns a seed into key and counter."""

_LOW = 0xFFFFFFFF


def uniforms(seeds: tf.Tensor) -> tf.Tensor:
    """float32 [..., 4] in [0, 1): `stateless_uniform([4], seed)` for each of `seeds`, int64 [..., 2]."""
    words = _words(seeds)
    return tf.stack([tf.cast(word & _u64(0x7FFFFF), tf.float32) * 2.0**-23 for word in words], -1)


def integers(seeds: tf.Tensor, below: tf.Tensor) -> tf.Tensor:
    """int64 [...] in [0, below): `stateless_uniform([], seed, 0, below, tf.int64)` for each seed.

    Args:
        seeds: int64 [..., 2].
        below: int64 [...], at least 1.
    """
    low, high, _, _ = _words(seeds)
    return tf.cast((low + high * _u64(1 << 32)) % tf.cast(below, tf.uint64), tf.int64)


def _words(seeds: tf.Tensor) -> list[tf.Tensor]:
    """The first four 32-bit words of each seed's stream, uint64 [...]."""
    seeds = tf.cast(seeds, tf.uint64)
    halves = [half for i in (0, 1) for half in _halves(seeds[..., i])]
    mixed = _philox(halves, [_u64(word) for word in _SCRAMBLER])
    return _philox([tf.zeros_like(mixed[2]), tf.zeros_like(mixed[3]), *mixed[2:]], mixed[:2])


def _philox(counter: list[tf.Tensor], key: list[tf.Tensor]) -> list[tf.Tensor]:
    """Four words of 32 bits, each in the low half of a uint64, under a key of two such words."""
    a, b, c, d = counter
    for number in range(10):
        if number:
            key = [(word + _u64(step)) & _u64(_LOW) for word, step in zip(key, _KEY_STEPS, strict=True)]
        (low_a, high_a), (low_c, high_c) = _halves(a * _u64(_MULTIPLIERS[0])), _halves(c * _u64(_MULTIPLIERS[1]))
        a, b, c, d = high_c ^ b ^ key[0], low_c, high_a ^ d ^ key[1], low_a
    return [a, b, c, d]


def _halves(words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return words & _u64(_LOW), tf.bitwise.right_shift(words, _u64(32))


def _u64(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint64)
