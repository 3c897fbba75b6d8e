"""What the classes of TFRecord shards are called."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.examples import name_classes


def named(labels, number=True, given=None, first=None):
    names, classes = name_classes(labels, number, given, first, "spec")
    assert classes.dtype == np.int32
    return list(names), classes.tolist()


def test_numbers_are_in_the_order_of_numbers():
    assert named([("10",), ("2",)]) == (["2", "10"], [1, 0])


def test_the_first_further_name_that_tells_classes_apart_is_taken():
    assert named([("1", "n1", "crane"), ("2", "n2", "crane")]) == (["n1", "n2"], [0, 1])
    assert named([("1", "n1", "crane"), ("2", "n1", "owl")]) == (["crane", "owl"], [0, 1])


def test_further_names_that_do_not_fit_the_labels_are_not_taken():
    assert named([("1", "same"), ("2", "same")])[0] == ["1", "2"]
    assert named([("1", "a"), ("1", "b"), ("2", "c")]) == (["1", "2"], [0, 0, 1])  # a caption, say
    assert named([("1", ""), ("2", "b")])[0] == ["1", "2"]
    assert named([("1", "a"), ("1", "b"), ("2", "b")])[0] == ["1", "2"]


def test_text_labels_with_names():
    assert named([("owl",), ("ant",)], False, ["ant", "bee", "owl"]) == (["ant", "bee", "owl"], [2, 0])
    with pytest.raises(InputError, match=r"spec: label 'fly' is not among the 2 names of `classes`"):
        named([("fly",), ("ant",)], False, ["ant", "bee"])


@given(st.integers(0, 1), st.integers(2, 9), st.data())
def test_labels_count_from_the_first_one(first, count, data):
    values = data.draw(st.lists(st.integers(first, first + count - 1), min_size=1, unique=True))
    given_names = [f"c{i}" for i in range(count)]
    labels = [(str(value),) for value in values]
    assert named(labels, True, given_names, first) == (given_names, [value - first for value in values])
    if (0 in values) if first == 0 else (count in values):  # a label that only one of the countings has
        assert named(labels, True, given_names) == (given_names, [value - first for value in values])
    elif not {0, count} & set(values):
        with pytest.raises(InputError, match=r"first_label=0 or \?first_label=1"):
            named(labels, True, given_names)


@pytest.mark.parametrize(("values", "first"), [((0, 3), None), ((0, 1), 1), ((1, 4), 1), ((1, 3), 0), ((5,), 0)])
def test_labels_beyond_the_names_are_refused(values, first):
    with pytest.raises(InputError, match=r"labels must be between [01] and [23], for the 3 names"):
        named([(str(value),) for value in values], True, ["a", "b", "c"], first)
