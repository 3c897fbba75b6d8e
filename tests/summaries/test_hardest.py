"""Which images are the hardest, and their picture."""

from __future__ import annotations

import types

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.summaries import hardest_picture, hardest_rows

RED = np.array([0xD1, 0x49, 0x5B])


class Images(types.SimpleNamespace):
    def __len__(self):
        return len(self.labels)

    def load(self, row):
        return np.full((8, 8, 3), 10 * row, np.uint8)


def frames(picture):
    return (picture == RED).all(axis=-1).sum()


def test_sure_mistakes_then_other_mistakes_then_unsure_right_ones():
    wrong = np.array([False, True, False, True, False])
    entropy = np.array([0.1, 0.9, 0.7, 0.2, 0.0], np.float32)
    assert hardest_rows(wrong, entropy, 10).tolist() == [3, 1, 2, 0, 4]
    assert hardest_rows(wrong, entropy, 3).tolist() == [3, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_picture(count):
    images = Images(labels=np.arange(9) % 2, class_names=("$a_b", "a rather long name of a class"))
    right = np.zeros(9, bool)
    arguments = (images, np.arange(count)), (images.labels, np.linspace(0, 1, 9))
    plain = hardest_picture(*arguments[0], right, *arguments[1])
    framed = hardest_picture(*arguments[0], ~right, *arguments[1])
    assert plain.dtype == np.uint8
    assert plain.shape == framed.shape
    assert not frames(plain)
    assert frames(framed) > 500 * count


def test_refuses_no_rows_and_arrays_of_other_lengths():
    images = Images(labels=np.zeros(3, int), class_names=("a",))
    three = np.zeros(3)
    with pytest.raises(InputError, match="0 rows"):
        hardest_picture(images, np.zeros(0, int), three, three, three)
    with pytest.raises(InputError, match="all 3 images"):
        hardest_picture(images, np.arange(2), three, np.zeros(2), three)
