"""Arrays of pixels and labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set
from sjft_tf.images.kinds.npz import _as_rgb_bytes


def npz(tmp_path, **arrays):
    np.savez(tmp_path / "toy.npz", **arrays)
    return f"npz:{tmp_path}/toy.npz"


def test_npz(tmp_path, rng):
    pixels = rng.integers(0, 256, (4, 3, 5, 3), np.uint8)
    images = open_image_set(npz(tmp_path, x=pixels, y=np.array([[7], [3], [7], [12]])))
    assert images.name == "toy"
    assert images.class_names == ("3", "7", "12")
    assert images.labels.tolist() == [1, 0, 1, 2]
    assert images.ids.tolist() == ["000000", "000001", "000002", "000003"]
    np.testing.assert_array_equal(images.load(2), pixels[2])


@pytest.mark.parametrize("form", ["{x}_{s}", "{s}_{x}"])
@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels")])
def test_npz_splits(tmp_path, form, names):
    arrays = {}
    for i, split in enumerate(("train", "test")):
        arrays[form.format(x=names[0], s=split)] = np.full((2, 2, 2), i, np.uint8)
        arrays[form.format(x=names[1], s=split)] = np.array([0, 1])
    spec = npz(tmp_path, **arrays, class_names=np.array(["ant", "bee"]))
    assert default_splits(spec) == {"train": f"{spec}#train", "test": f"{spec}#test"}
    test = open_image_set(f"{spec}#test")
    assert test.ids.tolist() == ["test/000000", "test/000001"]
    assert test.class_names == ("ant", "bee")
    assert test.load(0)[0, 0].numpy().tolist() == [1, 1, 1]
    check_disjoint(open_image_set(f"{spec}#train"), test)
    with pytest.raises(InputError, match=r"needs a split. Splits there: #train, #test"):
        open_image_set(spec)


def test_npz_text_labels(tmp_path):
    images = open_image_set(npz(tmp_path, images=np.zeros((2, 2, 2), np.uint8), labels=np.array(["owl", "bee"])))
    assert images.class_names == ("bee", "owl")
    assert images.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("given_pixels", "expected"),
    [
        (np.array([0.0, 0.5, 1.0], np.float32), [0, 128, 255]),
        (np.array([0.0, 99.6, 255.0]), [0, 100, 255]),
        (np.array([0, 1, 255]), [0, 1, 255]),
    ],
)
def test_npz_ranges(given_pixels, expected):
    assert _as_rgb_bytes(given_pixels[None, None, :], "x")[0, 0].tolist() == expected


@given(st.integers(0, 255), st.integers(0, 255))
def test_npz_alpha_is_laid_over_white(value, alpha):
    pixel = np.array([value, value, value, alpha], np.uint8)[None, None, None]
    expected = value * alpha / 255 + 255 - alpha
    np.testing.assert_allclose(_as_rgb_bytes(pixel, "x").ravel(), [expected] * 3, atol=0.5 + 1e-9)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros(3)}, r"expected arrays x and y.*Received: a"),
        ({"x": np.zeros((2, 2)), "y": [0, 1]}, r"`x` must be \[N, H, W\]"),
        ({"x": np.zeros((2, 2, 2, 2)), "y": [0, 1]}, r"`x` must be \[N, H, W\]"),
        ({"x": np.full((2, 2, 2), -1), "y": [0, 1]}, "must be in 0..255.*from -1 to -1"),
        ({"x": np.full((2, 2, 2), np.nan), "y": [0, 1]}, "must be in 0..255"),
        ({"x": np.full((2, 2, 2), 1j), "y": [0, 1]}, "must be integers or floats"),
        ({"x": np.zeros((2, 2, 2), np.uint8), "y": [0.5, 1]}, "`y` must be integers or text"),
        ({"x": np.zeros((2, 2, 2), np.uint8), "y": [0]}, "has 2 images, `y` 1 labels"),
        ({"x": np.zeros((0, 2, 2), np.uint8), "y": np.zeros(0, int)}, "`x` has no images"),
        (
            {"x": np.zeros((2, 2, 2), np.uint8), "y": [0, 2], "class_names": np.array(["a", "b"])},
            "between 0 and 1, the last of `class_names`. Received: 0 to 2",
        ),
        ({"x": np.array([{}], object), "y": [0]}, "without pickles"),
    ],
)
def test_npz_errors(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        open_image_set(npz(tmp_path, **arrays))


def test_npz_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read"):
        open_image_set(f"npz:{tmp_path}/none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"cannot be read"):
        open_image_set(f"npz:{tmp_path}/text.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(InputError, match=r"holds a single array"):
        open_image_set(f"npz:{tmp_path}/one.npy")


def labeled(tmp_path, labels, **more):
    told = []
    pixels = np.zeros((len(labels), 2, 2), np.uint8)
    images = open_image_set(npz(tmp_path, x=pixels, y=np.asarray(labels), **more), tell=told.append)
    return images, told[0]


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_a_column_for_each_class(tmp_path, kind):
    matrix = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]], kind)
    images, told = labeled(tmp_path, matrix)
    np.testing.assert_array_equal(images.label_matrix, matrix.astype(bool))
    assert images.class_names == ("0", "1", "2")
    assert "1 labels an image on average, 1 without" in told
    images, _ = labeled(tmp_path, matrix, class_names=np.array(["cat", "dog", "cow"]))
    assert images.label_text(0) == "cat|cow"


def test_one_hot_labels_are_one_each(tmp_path):
    one_hot = np.eye(4, dtype=np.float32)[[2, 0, 2]]
    images, told = labeled(tmp_path, one_hot)
    assert images.label_matrix is None
    assert [images.class_names[label] for label in images.labels] == ["2", "0", "2"]
    assert "one label an image, by the columns of y" in told
    images, _ = labeled(tmp_path, one_hot, class_names=np.array(list("abcd")))
    assert images.labels.tolist() == [2, 0, 2]
    # Of booleans nobody means one-hot ones.
    assert labeled(tmp_path, one_hot.astype(bool))[0].label_matrix.shape == (3, 4)


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([[0, 2], [1, 0]], None, "must be of zeros and ones, a column for each class. Received: values from 0 to 2"),
        ([[0.5, 0.5]], None, "values from 0.5 to 0.5"),
        ([["a", "b"]], None, r"or zeros and ones, \[N, C\].*Received: <U1 \[1, 2\]"),
        ([[True, False]], ["a"], "has 2 columns, `class_names` 1 names"),
        ([[[1]]], None, r"Received: int64 \[1, 1, 1\]"),
    ],
)
def test_columns_that_do_not_do(tmp_path, labels, names, message):
    with pytest.raises(InputError, match=message):
        labeled(tmp_path, labels, **({} if names is None else {"class_names": np.array(names)}))
