"""Which images judge: shares of each class, folds, the focus class; and what cannot be done is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.influence import folds, held_out, in_focus

NAMES = ["rose", "tulip", "daisy"]


def test_a_share_of_each_class_drawn_by_the_seed():
    labels = np.repeat([0, 1, 2], [10, 30, 2])
    drawn = held_out(labels, NAMES, 0.1, 0)
    np.testing.assert_array_equal(np.bincount(labels[drawn]), [1, 3, 1])
    np.testing.assert_array_equal(drawn, held_out(labels, NAMES, 0.1, 0))
    assert (drawn != held_out(labels, NAMES, 0.1, 1)).any()


def test_never_a_whole_class():
    labels = np.repeat([0, 1], [2, 3])
    np.testing.assert_array_equal(np.bincount(labels[held_out(labels, NAMES, 0.9, 0)]), [1, 2])


def test_small_classes_are_refused():
    with pytest.raises(
        InputError, match=r"at least 2 training images of each class. 1 classes have fewer: 'tulip' \(1\)"
    ):
        held_out(np.array([0, 0, 1]), NAMES, 0.1, 0)
    with pytest.raises(InputError, match=r"cross-fitting needs at least 3 .* 'rose' \(2\)"):
        folds(np.array([0, 0, 1, 1, 1]), NAMES, 3, 0)
    with pytest.raises(InputError, match="--cross_fit must be 0"):
        folds(np.zeros(9, int), NAMES, 2, 0)


@given(st.lists(st.integers(3, 12), min_size=1, max_size=3), st.integers(3, 6), st.integers(0, 99))
def test_folds_are_even_and_leave_every_class_to_learn(sizes, count, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    drawn = folds(labels, NAMES, count, seed)
    for label in range(len(sizes)):
        of_class = np.bincount(drawn[labels == label], minlength=count)
        assert of_class.max() - of_class.min() <= 1
        assert np.sort(of_class)[:-2].sum() >= 1
    everywhere = np.bincount(drawn, minlength=count)
    assert everywhere.max() - everywhere.min() <= 1


def test_focus():
    labels = np.array([0, 1, 1, 0])
    np.testing.assert_array_equal(in_focus(labels, NAMES, []), [True] * 4)
    np.testing.assert_array_equal(in_focus(labels, NAMES, ["tulip"]), [False, True, True, False])
    np.testing.assert_array_equal(in_focus(labels, NAMES, ["tulip", "rose"]), [True] * 4)
    with pytest.raises(InputError, match="--focus_class=daisy: none of the 4 validation images is of this class"):
        in_focus(labels, NAMES, ["daisy"])
    with pytest.raises(InputError, match="--focus_class=tulpe: the target has no such class. There are: tulip"):
        in_focus(labels, NAMES, ["tulpe"])
