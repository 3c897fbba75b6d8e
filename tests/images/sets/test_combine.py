import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, align_classes, check_disjoint, check_trainable, concatenate


def make(name, labels, class_names=None, size=2, origin="", start=0):
    pixels = np.full((len(labels), size, size), 0, np.uint8) + np.arange(len(labels), dtype=np.uint8)[:, None, None]
    return ImageSet.from_arrays(name, pixels + np.uint8(start), labels, class_names, origin=origin)


def test_concatenate_keeps_label_spaces_apart():
    joined = concatenate([make("a", [0, 1, 1], ["cat", "dog"]), make("b", [1, 0], ["cat", "owl"], size=3, start=10)])
    assert joined.name == "a+b"
    assert joined.class_names == ("a/cat", "a/dog", "b/cat", "b/owl")
    assert joined.labels.tolist() == [0, 1, 1, 3, 2]
    assert joined.ids.tolist() == ["a/000000", "a/000001", "a/000002", "b/000000", "b/000001"]
    elements = list(joined.dataset([4, 0, 2, 3]).as_numpy_iterator())
    assert [e["image"][0, 0, 0] for e in elements] == [11, 0, 2, 10]
    assert [e["image"].shape[0] for e in elements] == [3, 2, 2, 3]
    assert joined.load(tf.constant(3)).shape == (3, 3, 3)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_concatenate_maps_every_row(sizes):
    sets = [make(f"s{i}", [0] * n, start=20 * i) for i, n in enumerate(sizes)]
    joined = concatenate(sets)
    expected = [20 * i + j for i, n in enumerate(sizes) for j in range(n)]
    assert [joined.load(r).numpy()[0, 0, 0] for r in range(len(joined))] == expected
    assert joined.class_counts.tolist() == sizes


def test_concatenate_one_changes_nothing():
    one = make("a", [0, 1])
    assert concatenate([one]) is one


def test_concatenate_nothing():
    with pytest.raises(InputError, match=r"No image set"):
        concatenate([])


def test_concatenate_same_name_in_two_places():
    joined = concatenate([make("a", [0], origin="/x"), make("a", [0], origin="/y")])
    assert joined.ids.tolist() == ["a/000000", "a~2/000000"]


def test_concatenate_refuses_the_same_images():
    with pytest.raises(InputError, match=r"1 image\(s\) are in both 'a' and 'c', e.g. id '000000'"):
        concatenate([make("a", [0], origin="/x"), make("b", [0]), make("c", [0], origin="/x")])


def test_align_classes_by_name():
    target = make("t", [0, 1, 2], ["ant", "bee", "cat"])
    other = align_classes(target.class_names, make("o", [0, 1, 0], ["cat", "ant"]))
    assert other.class_names == target.class_names
    assert other.labels.tolist() == [2, 0, 2]


def test_align_classes_ignores_classes_without_images():
    other = align_classes(["ant", "bee"], make("o", [1], ["yak", "bee"]))
    assert other.labels.tolist() == [1]


def test_align_classes_names_what_only_the_test_set_has():
    with pytest.raises(InputError, match=r"1 class\(es\) of 'o' are not in the training set: 'yak'"):
        align_classes(["ant", "bee"], make("o", [0, 1], ["yak", "bee"]))


def test_check_trainable():
    check_trainable(make("ok", [0, 1]))
    with pytest.raises(InputError, match=r"at least 2 images. Received: 'x' with 1"):
        check_trainable(make("x", [0]))
    with pytest.raises(InputError, match=r"at least 2 classes. Received: 'x' with only 'solo'"):
        check_trainable(make("x", [0, 0], ["solo"]))
    with pytest.raises(InputError, match=r"1 empty class\(es\) in training set 'x': 'b'"):
        check_trainable(make("x", [0, 2], ["a", "b", "c"]))


def test_check_disjoint():
    whole = make("w", [0, 1, 0], origin="/data")
    check_disjoint(whole.subset([0, 1]), whole.subset([2]))
    check_disjoint(whole, make("v", [0, 1, 0], origin="/elsewhere"))
    with pytest.raises(InputError, match=r"2 image\(s\) are in both 'w' and 'part', e.g. id '000001'"):
        check_disjoint(whole, whole.subset([1, 2], "part"))
    joined = concatenate([whole, make("v", [0])])
    with pytest.raises(InputError, match=r"are in both"):
        check_disjoint(whole.subset([0]), joined)
