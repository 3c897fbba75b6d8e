"""The view cache: what comes out is what went in, within the limit, prepared once."""

import numpy as np
import tensorflow as tf

from sjft_tf.models.view_cache import ViewCache


def batches(calls, *values):
    def prepare():
        calls.append(len(values))
        for value in values:
            yield tf.constant(value, tf.float32), len(value)

    return prepare


def read(cache, key, prepare):
    return [(images.numpy(), size) for images, size in cache.batches(key, prepare)]


def assert_same(batches, values):
    assert [size for _, size in batches] == [len(value) for value in values]
    for (images, _), value in zip(batches, values, strict=True):
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images, value)


def test_prepared_once_and_unchanged_whole_numbers_or_not(rng):
    whole = rng.integers(0, 256, (2, 3, 3, 3)).astype(np.float32)
    values = [whole, whole + np.float32(0.25), np.full((1, 3, 3, 3), 256, np.float32), -whole - 1]
    cache, calls = ViewCache(1 << 20), []
    for _ in range(3):
        assert_same(read(cache, "a", batches(calls, *values)), values)
    assert calls == [4]
    assert cache.used == whole.size * (1 + 4 + 4) + 27 * 4
    assert_same(read(cache, None, batches(calls, whole)), [whole])
    assert_same(read(cache, None, batches(calls, whole)), [whole])
    assert calls == [4, 1, 1]


def test_the_limit_holds_for_all_sets_together(rng):
    value, calls = rng.integers(0, 256, (2, 4, 4, 3)).astype(np.float32), []
    cache = ViewCache(2 * value.size)
    for key, expected in (("one", [1, 1]), ("two", [3]), ("one", []), ("two", [3]), ("three", [1])):
        del calls[:]
        for _ in expected or [0]:
            read(cache, key, batches(calls, *[value] * (3 if key == "two" else 1)))
        assert calls == ([1] if expected == [1, 1] else expected)
        assert cache.used <= cache.limit
    assert set(cache._kept) == {"one", "three"}


def test_a_reading_that_breaks_off_keeps_nothing(rng):
    value, calls = np.zeros((1, 2, 2, 3), np.float32), []
    cache = ViewCache(1 << 20)
    next(cache.batches("a", batches(calls, value, value)))
    assert cache.used == 0
    assert len(read(cache, "a", batches(calls, value, value))) == 2
    assert calls == [2, 2]
