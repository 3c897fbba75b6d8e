"""Few images of each class: how many, which, and what they depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, few_of_each
from sjft_tf.images.sets.few_shot import drawn_order


def make(labels, names=None, ids=None):
    pixels = (np.arange(len(labels), dtype=np.uint8)[:, None, None] + np.zeros((1, 2, 2), np.uint8)).astype(np.uint8)
    return ImageSet.from_arrays("some", pixels, labels, names, ids)


@given(st.lists(st.integers(3, 8), min_size=2, max_size=4), st.integers(1, 3), st.integers(0, 5))
def test_so_many_of_each_class_ascending_with_their_images(sizes, count, seed):
    images = make(np.repeat(np.arange(len(sizes)), sizes))
    few = few_of_each(images, count, seed)
    assert few.class_counts.tolist() == [count] * len(sizes)
    assert few.class_names == images.class_names
    rows = [int(name) for name in few.ids]
    assert rows == sorted(rows)
    assert [int(few.load(i).numpy()[0, 0, 0]) for i in range(len(few))] == rows
    assert set(few.ids) <= set(few_of_each(images, 3, seed).ids)  # fewer are a part of more


def test_the_draw_depends_on_seed_class_and_images_only():
    images = make(np.repeat([0, 1], 30))
    draws = {tuple(few_of_each(images, 5, seed).ids) for seed in range(6)}
    assert len(draws) == 6
    assert len({few_of_each(images, 5, seed).fingerprint for seed in range(6)}) == 6
    first = few_of_each(images, 5, 1)
    assert first.fingerprint == few_of_each(images, 5, 1).fingerprint != images.fingerprint
    # Another class beside it, and another order of the images, change nothing for a class.
    order = np.random.default_rng(0).permutation(60)
    more = make(np.append(images.labels[order], [2] * 5), ids=np.append(images.ids[order], [f"x{i}" for i in range(5)]))
    again = few_of_each(more, 5, 1)
    assert set(again.ids[again.labels < 2]) == set(first.ids)


def test_every_image_is_drawn_alike_often():
    images = make(np.repeat([0, 1], 6))
    drawn = np.zeros(12)
    for seed in range(300):
        drawn[[int(name) for name in few_of_each(images, 2, seed).ids]] += 1
    assert np.all(np.abs(drawn - 100) < 4.5 * np.sqrt(300 * 1 / 3 * 2 / 3))


def test_the_order_is_for_ever():
    assert drawn_order(["a", "b", "c", "d"], "few/0/rose").tolist() == [0, 2, 3, 1]


def test_classes_with_fewer_are_named():
    images = make([0, 0, 0, 1, 2, 2], ["rose", "tulip", "lily"])
    with pytest.raises(
        InputError, match=r"--per_class=2 needs 2 .* 1 of the 3 classes .* 'tulip' \(1\)\..*per_class=1"
    ):
        few_of_each(images, 2, 0)
    with pytest.raises(InputError, match=r"3 of the 3 classes of 'some' have fewer: 'rose' \(3\), 'tulip' \(1\)"):
        few_of_each(images, 4, 0)
