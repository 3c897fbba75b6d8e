"""Pictures that are in two sets or two classes: against a search pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.images import ImageSet, find_repeats, told_repeats


def make(values, labels=None, name="t"):
    pixels = np.zeros((len(values), 2, 2), np.uint8) + np.array(values, np.uint8)[:, None, None]
    return ImageSet.from_arrays(
        name, pixels, [0] * len(values) if labels is None else labels, [f"c{i}" for i in range(3)]
    )


_IMAGE = st.tuples(st.integers(0, 4), st.integers(0, 2))


@given(st.lists(_IMAGE, min_size=1, max_size=9), st.lists(_IMAGE, min_size=1, max_size=4))
def test_every_pair_is_found(training, other):
    values, labels = zip(*training, strict=True)
    theirs = [value for value, _ in other]
    repeats = find_repeats(make(values, labels), {"test": make(theirs, name="o")})
    held = [row for row, value in enumerate(values) if value in theirs]
    assert repeats.held_out["test"][:, 0].tolist() == held
    assert [theirs[row] for row in repeats.held_out["test"][:, 1]] == [values[row] for row in held]
    mixed = {value for value in values if len({label for other, label in training if other == value}) > 1}
    assert sorted(values[row] for row in repeats.two_classes[:, 0]) == sorted(mixed)
    for first, second in repeats.two_classes:
        assert values[first] == values[second]
        assert labels[first] != labels[second]
    assert repeats.excluded.tolist() == sorted({*held, *(row for row, value in enumerate(values) if value in mixed)})


def test_what_is_told():
    training = make([1, 2, 2, 3, 3], [0, 0, 1, 2, 2])
    held_out = {"validation": make([9]), "test": make([8, 1, 3])}
    told = told_repeats(training, held_out, find_repeats(training, held_out))
    assert told == (
        "Of the 5 training images 3 are test images too, e.g. '000000' is '000001'; 1 picture(s) are in several "
        "classes, e.g. '000001' is '000002' (byte by byte)"
    )


@pytest.mark.parametrize("values", [[1, 2, 3], [1, 1, 2]])
def test_nothing_is_told_of_what_does_no_harm(values):
    training, held_out = make(values), {"test": make([7])}
    assert told_repeats(training, held_out, find_repeats(training, held_out)) == ""
