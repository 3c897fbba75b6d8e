"""Streaming image sets into descriptors."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.descriptors import (
    BinEdges,
    ConvNetBank,
    bank_positions,
    caffe_nets,
    extract,
    extract_counts,
    histograms,
    histograms_of,
    open_bank,
    target_descriptors,
)
from sjft_tf.errors import InputError

BANK = open_bank("gabor")


class Memory:
    """An ImageSet of arrays in memory."""

    decoded_for = None

    def __init__(self, images, name="memory"):
        self.images, self.name, self.fingerprint = images, name, f"{name}-print"
        self.ids = np.array([f"{name}/{row}" for row in range(len(images))])
        self.labels = np.zeros(len(images), np.int32)

    def __len__(self):
        return len(self.images)

    def dataset(self, rows=None):
        rows = np.arange(len(self), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
        return tf.data.Dataset.from_tensor_slices({"row": rows, "image": self.images[rows], "label": self.labels[rows]})


@dataclasses.dataclass
class Whole:
    """A View that takes images as they are."""

    resize: int = 16
    crop: int = 16

    def __call__(self, image):
        return tf.cast(image, tf.float32)


class PixelBank:
    """Color channels as filters: integers, so that histograms are exact."""

    name, fingerprint, layer_channels = "pixels", "p", (3,)

    def responses(self, images):
        return [tf.where(images == 255, np.nan, images)]


class TwoLayers(PixelBank):
    """The color channels at every pixel, and two of them at some."""

    layer_channels = (3, 2)

    def responses(self, images):
        return [images, images[:, :14:2, 2::2, 1:]]


@pytest.fixture
def images(rng):
    return Memory(rng.integers(0, 255, (11, 16, 16, 3)).astype(np.uint8))


def collect(blocks):
    rows, values = zip(*blocks, strict=True)
    return np.concatenate(rows), np.concatenate(values)


def test_target_descriptors_are_histograms_of_its_edges(images):
    edges, described = target_descriptors(images, PixelBank(), Whole(), bins=5, batch_size=4)
    expected = histograms([tf.cast(images.images, tf.float32)], edges)
    np.testing.assert_array_equal(described, expected)
    assert edges.made_from == {
        **{"target": "memory-print", "bank": "p", "view": [16, 16], "bins": 5, "cells": 2000},
        "decoded_for": None,
    }
    again, same = target_descriptors(images, PixelBank(), Whole(), bins=5, edges=edges)
    assert again is edges
    np.testing.assert_array_equal(same, described)


@pytest.mark.parametrize("batch_size", [1, 3, 11, 64])
def test_batch_size_does_not_matter(images, batch_size):
    edges, described = target_descriptors(images, PixelBank(), Whole(), bins=5)
    rows, again = collect(extract(images, PixelBank(), edges, Whole(), batch_size=batch_size))
    assert rows.dtype == np.int32
    assert again.dtype == np.float32
    np.testing.assert_array_equal(rows, np.arange(11))
    np.testing.assert_array_equal(again, described)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batch_size_does_not_matter_to_a_real_bank(rng, batch_size):
    images = Memory(rng.integers(0, 255, (70, 16, 16, 3)).astype(np.uint8))
    edges, described = target_descriptors(images, BANK, Whole(), bins=20)
    _, again = collect(extract(images, BANK, edges, Whole(), batch_size=batch_size))
    np.testing.assert_array_equal(again, described)


def test_images_beside_it_do_not_matter_to_an_image(rng):
    images = Memory(rng.integers(0, 255, (70, 16, 16, 3)).astype(np.uint8))
    edges, described = target_descriptors(images, BANK, Whole(), bins=20)
    rows = [69, 3, 64]
    np.testing.assert_array_equal(collect(extract(images, BANK, edges, Whole(), rows=rows))[1], described[rows])


@pytest.mark.parametrize("side", [35, 71])
def test_the_order_of_images_does_not_matter_at_odd_sizes(rng, side):
    images = Memory(rng.integers(0, 255, (60, side, side, 3)).astype(np.uint8))
    edges, described = target_descriptors(images, BANK, Whole(), bins=20)
    rows = rng.permutation(60)
    np.testing.assert_array_equal(collect(extract(images, BANK, edges, Whole(), rows=rows))[1], described[rows])


def test_filters_that_round_by_position_see_one_image_at_a_time(rng):
    class Uneven(PixelBank):
        def responses(self, images):
            last = tf.cast(tf.range(tf.shape(images)[0]) > 3, tf.float32)[:, None, None, None]
            return [response * (1 + 1e-6 * last) for response in super().responses(images)]

    images, even = Memory(rng.integers(0, 255, (9, 16, 16, 3)).astype(np.uint8)), PixelBank()
    edges, described = target_descriptors(images, even, Whole(), bins=5)
    np.testing.assert_array_equal(collect(extract(images, Uneven(), edges, Whole()))[1], described)


def test_counts_and_histograms_are_the_same_without_loss(images):
    edges, described = target_descriptors(images, TwoLayers(), Whole(), bins=5)
    positions = bank_positions(TwoLayers(), Whole())
    assert positions == (256, 49)
    rows, counts = collect(extract_counts(images, TwoLayers(), edges, Whole(), batch_size=4))
    assert rows.tolist() == list(range(11))
    assert counts.dtype == np.uint16
    np.testing.assert_array_equal(counts.reshape(11, 5, 5).sum(axis=2), np.tile([256, 256, 256, 49, 49], (11, 1)))
    np.testing.assert_array_equal(histograms_of(counts, positions, edges), described)
    np.testing.assert_array_equal(np.rint(described * np.repeat(positions, [15, 10])), counts)


def test_positions_of_a_bank_without_static_shapes():
    class Strided(PixelBank):
        def responses(self, images):
            return [images[:, :: tf.cast(images[0, 0, 0, 0], tf.int32) + 3]]

    assert bank_positions(Strided(), Whole()) == (6 * 16,)


def test_positions_of_a_convolutional_bank():
    model = caffe_nets.alexnet()
    bank = ConvNetBank(model, ["conv1", "conv2"], preprocess=caffe_nets.caffe_input)
    assert bank_positions(bank, Whole(crop=67)) == (15 * 15, 7 * 7)


def test_more_than_65535_positions_are_counted_in_32_bits(rng):
    image = rng.integers(0, 255, (1, 256, 257, 3)).astype(np.uint8)
    edges, described = target_descriptors(Memory(image), PixelBank(), Whole(), bins=5)
    [(_, counts)] = extract_counts(Memory(image), PixelBank(), edges, Whole())
    assert counts.dtype == np.uint32
    np.testing.assert_array_equal(np.rint(described * (256 * 257)), counts)


def test_a_bank_is_traced_once_for_all_sets_and_not_kept_alive(images):
    class Traced(PixelBank):
        times = 0

        def responses(self, images):
            type(self).times += 1
            return super().responses(images)

    bank = Traced()
    edges, _ = target_descriptors(images, PixelBank(), Whole(), bins=5)
    for _ in range(2):
        collect(extract(images, bank, edges, Whole()))
    assert Traced.times == 1
    seen = weakref.ref(bank)
    del bank
    gc.collect()
    assert seen() is None


def test_chosen_rows_in_their_order(images):
    edges, described = target_descriptors(images, PixelBank(), Whole(), bins=5)
    rows, some = collect(extract(images, PixelBank(), edges, Whole(), rows=[7, 2, 9], batch_size=2))
    assert rows.tolist() == [7, 2, 9]
    np.testing.assert_array_equal(some, described[[7, 2, 9]])


def test_a_block_is_made_when_asked_for(images):
    edges, _ = target_descriptors(images, PixelBank(), Whole(), bins=5)
    stream = extract(images, PixelBank(), edges, Whole(), batch_size=4)
    assert len(next(stream)[0]) == 4
    assert [len(rows) for rows, _ in stream] == [4, 3]


def test_nan_in_the_source_is_refused_by_row(images):
    edges, _ = target_descriptors(images, PixelBank(), Whole(), bins=5)
    images.images[9, 3, 3, 1] = 255
    with pytest.raises(InputError, match=r"rows \[9\] of memory with NaN"):
        list(extract(images, PixelBank(), edges, Whole(), batch_size=4))


def test_edges_of_another_bank_are_refused(images):
    edges, _ = target_descriptors(images, PixelBank(), Whole(), bins=5)
    with pytest.raises(InputError, match=r"\(48,\) filters.*edges are for \(3,\)"):
        next(extract(images, BANK, edges, Whole()))
    with pytest.raises(InputError, match="batch_size=0"):
        next(extract(images, PixelBank(), edges, Whole(), batch_size=0))
    assert isinstance(edges, BinEdges)


def test_tensor_float_setting_is_left_as_it_was(images):
    edges, _ = target_descriptors(images, PixelBank(), Whole(), bins=5)
    for _ in extract(images, PixelBank(), edges, Whole(), batch_size=4):
        assert tf.config.experimental.tensor_float_32_execution_enabled()
