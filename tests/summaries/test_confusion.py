"""The picture of a confusion matrix: drawn for every size, and right where it can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.summaries import confusion_picture


def blue(picture):
    """Pixels of a full cell: the darkest blue of the color map."""
    return (np.abs(picture.astype(int) - np.array([8, 48, 107])).max(axis=-1) < 3).mean()


@pytest.mark.parametrize("classes", [1, 2, 30, 120])
def test_every_size(classes, rng):
    confusion = rng.integers(0, 5, (classes, classes))
    picture = confusion_picture(confusion, [f"class $_{i}" for i in range(classes)], "test")
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert picture.std() > 1


def test_shares_not_counts_make_the_color():
    names = ["a", "b"]
    right = confusion_picture(np.array([[100, 0], [0, 1]]), names)
    half = confusion_picture(np.array([[100, 0], [1, 0]]), names)
    assert blue(right) == pytest.approx(blue(half), rel=0.05), "two full cells in both"
    assert blue(confusion_picture(np.array([[100, 0], [0, 0]]), names)) == pytest.approx(blue(right) / 2, rel=0.05)


def test_refuses_other_shapes():
    with pytest.raises(InputError, match=r"2 class names. Received: \(2, 3\)"):
        confusion_picture(np.zeros((2, 3), int), ["a", "b"])
    with pytest.raises(InputError, match="0 class names"):
        confusion_picture(np.zeros((0, 0), int), [])
