"""The contents of a set stay together when rows are taken or images are decoded smaller."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.images.places.watching import Files
from sjft_tf.images.sets.contents import ImageContents

DIGESTS = np.arange(96).reshape(3, 32)


class Halving:
    """Images whose one pixel says which row they are and for which side they were decoded."""

    def __init__(self, side=0):
        self.side = side

    def __call__(self, row):
        return tf.reshape(tf.stack([row, self.side, 0]), [1, 1, 3])

    def reduced(self, side):
        return Halving(side)


@pytest.fixture
def contents():
    return ImageContents(Halving(), DIGESTS.tolist(), files=[Files([], [])])


def test_digests_are_bytes_and_files_a_tuple(contents):
    assert contents.digests.dtype == np.uint8
    assert isinstance(contents.files, tuple)
    assert contents.decoded_for is None


def test_taken_rows_keep_their_image_digest_and_files(contents):
    taken = contents.take(np.array([2, 0, 2], np.int32))
    assert [int(taken.loader(tf.constant(i))[0, 0, 0]) for i in range(3)] == [2, 0, 2]
    np.testing.assert_array_equal(taken.digests, DIGESTS[[2, 0, 2]])
    assert taken.files == contents.files


@pytest.mark.parametrize("taken_first", [False, True])
def test_reduced_before_or_after_rows_are_taken(contents, taken_first):
    rows = np.array([1], np.int32)
    smaller = contents.take(rows).reduced(8) if taken_first else contents.reduced(8).take(rows)
    assert smaller.decoded_for == 8
    assert smaller.loader(tf.constant(0)).numpy().ravel().tolist() == [1, 8, 0]
    assert contents.decoded_for is None


def test_contents_do_not_change(contents):
    with pytest.raises(dataclasses.FrozenInstanceError):
        contents.decoded_for = 4
