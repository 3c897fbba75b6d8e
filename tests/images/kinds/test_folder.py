import logging

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import align_classes, check_disjoint, default_splits, open_image_set


def save(path, value=0, size=(3, 2)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


@pytest.fixture
def plain_folder(tmp_path):
    root = tmp_path / "flowers"
    for i, name in enumerate(("rose/b.png", "rose/a.PNG", "rose/deep/er/c.jpg", "aster/z.bmp", "aster/y.gif")):
        save(root / name, 10 * i)
    save(root / ".hidden/h.png")
    save(root / "rose/.h.png")
    save(root / "__MACOSX/m.png")
    (root / "rose/notes.txt").write_text("not an image")
    return root


@pytest.fixture
def split_folder(tmp_path):
    root = tmp_path / "birds"
    for split, classes in (("train", "ab"), ("valid", "b"), ("test", "abc")):
        for c in classes:
            save(root / split / c / f"{split}.png")
    return root


def test_classes_ids_and_images(plain_folder):
    images = open_image_set(f"folder:{plain_folder}")
    assert images.name == "flowers"
    assert images.class_names == ("aster", "rose")
    assert images.ids.tolist() == ["aster/y.gif", "aster/z.bmp", "rose/a.PNG", "rose/b.png", "rose/deep/er/c.jpg"]
    assert images.labels.tolist() == [0, 0, 1, 1, 1]
    elements = list(images.dataset().as_numpy_iterator())
    assert [e["image"][0, 0, 0] for e in elements] == [40, 30, 10, 0, 20]
    assert all(e["image"].shape == (2, 3, 3) for e in elements)


def test_all_plain_files(split_folder):
    images = open_image_set(f"folder:{split_folder}#train")
    assert images.name == "birds#train"
    assert images.ids.tolist() == ["train/a/train.png", "train/b/train.png"]
    np.testing.assert_array_equal(images.load(1), np.zeros((2, 3, 3)))


def test_fingerprint_is_independent_of_the_place(plain_folder, tmp_path):
    before = open_image_set(f"folder:{plain_folder}")
    moved = plain_folder.rename(tmp_path / "elsewhere")
    after = open_image_set(f"folder:{moved}")
    assert before.fingerprint == after.fingerprint
    save(moved / "rose/b.png", 99)
    assert open_image_set(f"folder:{moved}").fingerprint != after.fingerprint


def test_classes_of_the_chosen_split(split_folder):
    train, valid, test = (open_image_set(f"folder:{split_folder}#{s}") for s in ("train", "validation", "test"))
    assert (train.class_names, valid.class_names, test.class_names) == (("a", "b"), ("b",), ("a", "b", "c"))
    assert align_classes(train.class_names, valid).labels.tolist() == [1]
    with pytest.raises(InputError, match=r"'c'"):
        align_classes(train.class_names, test)


def test_split_needed_or_unknown(split_folder):
    with pytest.raises(InputError, match=r"needs a split. Splits there: #test, #train, #valid"):
        open_image_set(f"folder:{split_folder}")
    with pytest.raises(InputError, match=r"has no split 'extra'. Splits there: #test, #train, #valid"):
        open_image_set(f"folder:{split_folder}#extra")


def test_default_splits(split_folder, plain_folder):
    base = f"folder:{split_folder}"
    assert default_splits(base) == {"train": f"{base}#train", "validation": f"{base}#valid", "test": f"{base}#test"}
    assert default_splits(f"{base}#train") == {}
    assert default_splits(f"folder:{plain_folder}") == {}
    assert default_splits("folder:/no/such/place") == {}


def test_classes_that_are_named_like_splits(tmp_path):
    for name in ("test", "train"):  # say, photographs of locomotives and of examinations
        save(tmp_path / name / "x.png")
    with pytest.raises(InputError, match=r"images lie directly in test/ \(1\) and train/ \(1\).*\?splits=false'"):
        open_image_set(f"folder:{tmp_path}")
    assert open_image_set(f"folder:{tmp_path}?splits=false").class_names == ("test", "train")
    save(tmp_path / "owl" / "x.png")
    (tmp_path / "test").rename(tmp_path / "tit")
    assert default_splits(f"folder:{tmp_path}") == {}
    assert open_image_set(f"folder:{tmp_path}").class_names == ("owl", "tit", "train")


def test_one_file_listed_from_two_roots_is_one_image(split_folder):
    with pytest.raises(InputError, match=r"are in both"):
        check_disjoint(open_image_set(f"folder:{split_folder}#train"), open_image_set(f"folder:{split_folder}/train"))
    check_disjoint(open_image_set(f"folder:{split_folder}#train"), open_image_set(f"folder:{split_folder}#test"))


def test_wrong_places(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder"):
        open_image_set(f"folder:{tmp_path}/nothing")
    save(tmp_path / "loose.png")
    with pytest.raises(InputError, match=r"has no sub-folders"):
        open_image_set(f"folder:{tmp_path}")
    with pytest.raises(InputError, match=r"unknown option 'x'. Options of folder: label, splits"):
        open_image_set(f"folder:{tmp_path}?x=1")


def test_empty_class(plain_folder):
    (plain_folder / "violet").mkdir()
    with pytest.raises(InputError, match=r"Empty class: .*violet has no usable images"):
        open_image_set(f"folder:{plain_folder}")


def test_bad_file(plain_folder, tmp_path, caplog):
    (plain_folder / "rose/b.png").write_bytes(b"broken")
    spec = f"folder:{plain_folder}"
    with pytest.raises(InputError, match=r"rose/b.png cannot be decoded: not an image"):
        open_image_set(spec)
    report = tmp_path / "bad.csv"
    logging.getLogger("absl").propagate = True
    with caplog.at_level(logging.WARNING, "absl"):
        images = open_image_set(spec, bad_images="skip", report=report, cache=tmp_path / "cache")
    assert "1 of 5 images cannot be decoded" in caplog.text
    assert "rose/b.png" not in images.ids
    assert len(images) == 4
    assert "rose/b.png,not an image" in report.read_text()


def test_class_left_empty_by_skipping(plain_folder):
    for name in ("z.bmp", "y.gif"):
        (plain_folder / "aster" / name).write_bytes(b"broken")
    with pytest.raises(InputError, match=r"aster has no usable images .*None of its images can be decoded"):
        open_image_set(f"folder:{plain_folder}", bad_images="skip")


def test_odd_names(tmp_path):
    save(tmp_path / "r/a b/ünï#1.png", 7)
    save(tmp_path / "r/c,d/e.png")
    images = open_image_set(f"folder:{tmp_path}/r", cache=tmp_path / "cache")
    assert images.ids.tolist() == ["a b/ünï#1.png", "c,d/e.png"]
    assert images.load(0)[0, 0, 0] == 7
    assert open_image_set(f"folder:{tmp_path}/r", cache=tmp_path / "cache").fingerprint == images.fingerprint


@pytest.mark.large
def test_flowers(real_data, tmp_path):
    spec = f"folder:{real_data}/flowers102"
    splits = {role: open_image_set(s, cache=tmp_path) for role, s in default_splits(spec).items()}
    assert {role: len(s) for role, s in splits.items()} == {"train": 1020, "validation": 1020, "test": 6149}
    aligned = align_classes(splits["train"].class_names, splits["test"])
    assert aligned.class_names == splits["test"].class_names
    check_disjoint(splits["train"], splits["test"])
