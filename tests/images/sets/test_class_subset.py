"""Some classes of a set: by name in any spec, or drawn by a seed."""

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, default_splits, few_classes, of_classes, open_image_set, open_source


def make(sizes, names=None):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    pixels = np.tile(np.arange(len(labels), dtype=np.uint8)[:, None, None], (1, 2, 2))
    return ImageSet.from_arrays("some", pixels, labels, names or [f"c{i}" for i in range(len(sizes))])


def test_labels_are_numbered_anew_in_the_order_of_the_set():
    images = make([2, 3, 1, 2])
    some = of_classes(images, ["c3", "c1", "c3"])
    assert some.class_names == ("c1", "c3")
    assert some.labels.tolist() == [0, 0, 0, 1, 1]
    assert some.ids.tolist() == images.ids[[2, 3, 4, 6, 7]].tolist()
    assert some.load(3).numpy()[0, 0, 0] == 6
    assert some.fingerprint == of_classes(images, ["c1", "c3"]).fingerprint != images.fingerprint
    assert of_classes(images, images.class_names[::-1]).fingerprint == images.fingerprint


def test_composed_and_decomposed_names_are_one():
    assert of_classes(make([1, 1], ["\u00e9", "x"]), ["e\u0301"]).class_names == ("\u00e9",)


def test_unknown_names_are_refused_with_near_ones():
    images = make([1, 1, 1], ["tulip", "rose", "lily"])
    with pytest.raises(InputError, match=r"'some' has no class 'tulpi' \(1 such name.* of 2.*: 'tulip'"):
        of_classes(images, ["rose", "tulpi"])


def test_every_kind_takes_the_option_with_its_splits(tmp_path):
    listed = tmp_path / "names #1.txt"
    listed.write_text("\ufeff7\n\n 3 \n", "utf-8")
    said = []
    some = open_image_set(f"digits#test?per_class=5&only_classes=@{tmp_path}/names %231.txt", tell=said.append)
    assert some.class_names == ("3", "7")
    assert set(some.labels.tolist()) == {0, 1}
    assert "of 2 classes (3, 7); these of its 10 classes by only_classes" in said[0]
    assert default_splits("digits?only_classes=3,7")["test"] == "digits#test?only_classes=3,7"
    joined = open_source(["digits#train?only_classes=1", "digits#train?only_classes=2,0"])
    assert joined.class_names == ("digits#train/1", "digits#train~2/0", "digits#train~2/2")
    assert open_image_set("glyphs?n=60&only_classes=upper_A").class_names == ("upper_A",)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("only_classes=,", "names no class. Expected names joined by commas, or @FILE"),
        ("only_classes=1&only_classes=2", "given more than once"),
        ("only_classes=@missing.txt", "names of classes cannot be read from .*missing.txt"),
        ("only_classes=11", "'digits#train' has no class '11' .*: '1'"),
        ("classes=1", "unknown option 'classes'. Options of digits: per_class, seed, only_classes"),
    ],
)
def test_what_cannot_be_meant_is_refused(option, message):
    with pytest.raises(InputError, match=message):
        open_image_set(f"digits#train?{option}")


def test_few_classes_are_nested_and_of_the_size_asked_for():
    images = make([12] * 8)
    five, three = few_classes(images, 5, 1, per_class=4), few_classes(images, 3, 1, per_class=4)
    assert set(three.class_names) < set(five.class_names)
    assert set(three.ids) < set(five.ids)
    assert five.class_counts.tolist() == [4] * 5
    total = few_classes(images, 3, 1, total=20)
    assert sorted(total.class_counts.tolist()) == [6, 7, 7]
    assert total.class_names == three.class_names
    assert set(three.ids) < set(total.ids)
    assert few_classes(images, 3, 1).class_counts.tolist() == [12] * 3
    assert len({few_classes(images, 3, seed).class_names for seed in range(6)}) > 1


@pytest.mark.parametrize(
    ("count", "taken", "message"),
    [
        (4, {}, "has 3 classes with images. Received: 4"),
        (0, {}, "Received: 0 classes"),
        (2, {"per_class": 9}, "has 2 images, and 2 classes with 9 each take 9"),
        (1, {"total": 3}, "1 classes with 3 in all take 3 of it"),
        (3, {"total": 2}, "2 images are too few for 3 classes"),
    ],
)
def test_draws_that_cannot_be_had_are_refused(count, taken, message):
    with pytest.raises(InputError, match=message):
        few_classes(make([2, 2, 2]), count, 0, **taken)
    with pytest.raises(ValueError, match="one of"):
        few_classes(make([2, 2, 2]), 2, 0, per_class=1, total=2)
