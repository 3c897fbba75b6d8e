import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.images import default_splits, open_image_set, open_source


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "toy.npz"
    arrays = {f"x_{s}": np.zeros((2, 2, 2), np.uint8) for s in ("train", "test")}
    np.savez(path, **arrays, y_train=[0, 1], y_test=[1, 1])
    return path


@pytest.mark.parametrize("opener", [open_image_set, lambda s: open_source([s]), default_splits])
def test_unknown_kind_lists_kinds(opener):
    with pytest.raises(
        InputError, match=r"unknown kind 'imagenet'. Kinds: folder, csv, npz, tfrecord, tfds, keras, digits, glyphs"
    ):
        opener("imagenet:/data")


def test_open_source_joins(npz):
    joined = open_source([f"npz:{npz}#train", "digits#val"])
    assert joined.name == "toy#train+digits#val"
    assert joined.num_classes == 12
    assert joined.class_names[1:3] == ("toy#train/1", "digits#val/0")
    assert len(joined) == 202
    assert {e["image"].shape for e in joined.dataset([0, 201]).as_numpy_iterator()} == {(2, 2, 3), (8, 8, 3)}


def test_open_source_refuses_one_set_twice(npz):
    with pytest.raises(InputError, match=r"are in both"):
        open_source([f"npz:{npz}#train"] * 2)


def test_default_splits(npz):
    assert default_splits("digits?per_class=2") == {
        "train": "digits#train?per_class=2",
        "validation": "digits#val?per_class=2",
        "test": "digits#test?per_class=2",
    }
    assert default_splits(f"npz:{npz}") == {"train": f"npz:{npz}#train", "test": f"npz:{npz}#test"}
    assert default_splits("keras:mnist") == {"train": "keras:mnist#train", "test": "keras:mnist#test"}
    assert default_splits("digits#train") == {}
    assert default_splits("glyphs") == {}
    for spec in default_splits(f"npz:{npz}").values():
        assert len(open_image_set(spec)) == 2


def test_bad_images_option():
    with pytest.raises(InputError, match=r"`bad_images` must be 'error' or 'skip'"):
        open_image_set("digits", bad_images="ignore")
