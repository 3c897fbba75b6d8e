"""Image sets whose images have several labels, or none: tables, labels files, and what becomes of such sets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import (
    ImageSet,
    align_classes,
    check_same_kind,
    check_trainable,
    default_splits,
    few_of_each,
    find_repeats,
    fold,
    hold_out,
    open_image_set,
    refuse_several_labels,
)


@pytest.fixture
def folder(tmp_path, rng):
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).save(tmp_path / f"{number}.png")
    return tmp_path


def named(images):
    """{id: its labels}."""
    return {name: images.label_text(row) for row, name in enumerate(images.ids)}


def test_names_in_one_cell_and_several_lines_an_image(folder):
    lines = ["path,label,split", "0.png,a|b,train", "1.png,b,train", "2.png,,train", "3.png,c| a,test"]
    (folder / "l.csv").write_text("\n".join([*lines, "4.png,a,test", "5.png,b,train", "5.png,c,train", ""]))
    told = []
    train = open_image_set(f"csv:{folder / 'l.csv'}#train?separator=|", tell=told.append)
    assert named(train) == {"0.png": "a|b", "1.png": "b", "2.png": "", "5.png": "b|c"}
    assert train.class_names == ("a", "b", "c")
    assert train.class_counts.tolist() == [1, 3, 1]
    assert train.truth.dtype == bool
    assert train.labels.tolist() == [0, 1, 0, 1]  # for captions
    assert "1.2 labels an image on average, 1 without; 1 line(s) more, whose labels their images have too" in told[0]
    spec = f"folder:{folder}?labels=l.csv"
    assert default_splits(spec) == {name: f"folder:{folder}#{name}?labels=l.csv" for name in ("train", "test")}
    test = open_image_set(default_splits(spec)["test"], tell=told.append)
    assert named(align_classes(train.class_names, test)) == {"3.png": "a|c", "4.png": "a"}
    check_trainable(train)


def test_a_column_of_yes_and_no_for_each_class(folder):
    table = folder / "c.csv"
    table.write_text("path,cat,dog,cow\n0.png,1,0,1\n1.png,0,0,0\n2.png,yes,no,\n")
    images = open_image_set(f"csv:{table}?classes=*")
    assert named(images) == {"0.png": "cat|cow", "1.png": "", "2.png": "cat"}
    assert images.class_names == ("cat", "cow", "dog")
    assert open_image_set(f"csv:{table}?classes=dog,cow").class_names == ("cow", "dog")
    with pytest.raises(InputError, match=r"1 empty class\(es\) in training set 'c': 'dog'"):
        check_trainable(images)
    for spec, told in (
        ("?classes=cat,bird", "the column 'bird' .* is not there"),
        ("?classes=cat", "at least two columns"),
        ("?classes=*&separator=;", "give one of the two"),
    ):
        with pytest.raises(InputError, match=told):
            open_image_set(f"csv:{table}{spec}")
    table.write_text("path,cat,dog\n0.png,1,-1\n1.png,0,1\n")
    with pytest.raises(InputError, match="line 2: column 'dog' must say 1 or 0 .* Received: '-1'"):
        open_image_set(f"csv:{table}?classes=*")


def test_annotations_in_the_form_of_coco(folder):
    content = {
        "images": [{"id": number, "file_name": f"{number}.png"} for number in range(3)],
        "categories": [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}, {"id": 7, "name": "unused"}],
        "annotations": [{"image_id": 0, "category_id": c, "bbox": [0, 0, 2, 2]} for c in (5, 6, 6)],
    }
    (folder / "x.json").write_text(json.dumps(content))
    images = open_image_set(f"folder:{folder}?labels=x.json")
    assert named(images) == {"0.png": "cat|dog", "1.png": "", "2.png": ""}
    assert images.class_names == ("cat", "dog")
    assert default_splits(f"folder:{folder}?labels=x.json") == {}
    (folder / "x.json").write_text(json.dumps(content | {"categories": [{"id": 1}]}))
    with pytest.raises(InputError, match="categories"):  # as of coco:
        open_image_set(f"folder:{folder}?labels=x.json")
    with pytest.raises(InputError, match="has no option 'separator'"):
        open_image_set(f"folder:{folder}?labels=x.json&separator=;")
    with pytest.raises(InputError, match=r"there is no file .*gone.csv \(labels=, a path seen from the folder\)"):
        open_image_set(f"folder:{folder}?labels=gone.csv")


def of(matrix, name="some", offset=0):
    matrix = np.array(matrix, bool)
    pixels = np.arange(len(matrix), dtype=np.uint8)[:, None, None, None] + np.zeros((1, 2, 2, 3), np.uint8) + offset
    return ImageSet.from_arrays(name, pixels.astype(np.uint8), matrix, ["a", "b"])


def test_what_a_set_keeps_and_what_it_does_not_do():
    images, plain = of([[1, 1], [0, 1], [0, 0], [1, 0]] * 3), of([[1, 0]])
    assert images.subset([1, 3]).truth.tolist() == [[False, True], [True, False]]
    assert images.fingerprint != images.relabeled(~images.truth, ["a", "b"]).fingerprint
    assert images.reduced(2).label_matrix is images.label_matrix
    rest, held = hold_out(images, 0.25, 0)
    assert (len(rest), len(held)) == (9, 3)
    assert sorted(len(part[1]) for part in (fold(images, number, 5, 0) for number in range(1, 6))) == [2, 2, 2, 3, 3]
    with pytest.raises(InputError, match="--per_class=1 takes images by their class"):
        few_of_each(images, 1, 0)
    with pytest.raises(InputError, match="A source must have one label an image"):
        refuse_several_labels([images])
    one = ImageSet.from_arrays("one", np.zeros((2, 2, 2, 3), np.uint8), [0, 1])
    check_same_kind(images, plain)
    for pair in ((images, one), (one, images)):
        with pytest.raises(InputError, match="'some' may have several labels, those of 'one' have one each"):
            check_same_kind(*pair)


def test_the_same_picture_with_other_labels_is_told():
    pixels = np.zeros((3, 2, 2, 3), np.uint8)
    same = ImageSet.from_arrays("same", pixels, np.array([[1, 1], [1, 1], [1, 1]], bool))
    assert not len(find_repeats(same, {}).two_classes)
    other = ImageSet.from_arrays("other", pixels, np.array([[1, 1], [1, 1], [1, 0]], bool))
    assert len(find_repeats(other, {}).two_classes)
