import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set
from sjft_tf.images.kinds.tables import _as_rgb_bytes


@pytest.fixture
def table(tmp_path):
    """Writes a table beside the images a/0.png ... a/3.png (each of its own gray) and returns its spec."""
    (tmp_path / "a").mkdir()
    for i in range(4):
        Image.new("L", (2, 2), 10 * i).save(tmp_path / f"a/{i}.png")

    def write(*lines, encoding="utf-8"):
        (tmp_path / "list.csv").write_bytes("\n".join(lines).encode(encoding))
        return f"csv:{tmp_path}/list.csv"

    return write


def test_csv(table, tmp_path):
    images = open_image_set(table("label,path,note", "owl,a/2.png,x", "", f'"bee, small",{tmp_path}/a/1.png,'))
    assert images.name == "list"
    assert images.ids.tolist() == ["a/2.png", f"{tmp_path}/a/1.png"]
    assert images.class_names == ("bee, small", "owl")
    assert images.labels.tolist() == [1, 0]
    assert [e["image"][0, 0, 0] for e in images.dataset().as_numpy_iterator()] == [20, 10]


def test_csv_splits(table):
    spec = table("path,label,split", "a/0.png,2,train", "a/1.png,10,train", "a/2.png,2,val", encoding="utf-8-sig")
    assert default_splits(spec) == {"train": f"{spec}#train", "validation": f"{spec}#val"}
    train = open_image_set(f"{spec}#train")
    assert train.class_names == ("2", "10")  # numbers in the order of numbers
    assert open_image_set(f"{spec}#validation").ids.tolist() == ["a/2.png"]
    with pytest.raises(InputError, match=r"needs a split. Splits there: #train, #val"):
        open_image_set(spec)
    with pytest.raises(InputError, match=r"has no split 'test'"):
        open_image_set(f"{spec}#test")


def test_csv_without_splits(table):
    spec = table("path,label", "a/0.png,x")
    assert default_splits(spec) == {}
    with pytest.raises(InputError, match=r"has no split 'train'. Splits there: none"):
        open_image_set(f"{spec}#train")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,kind", "a/0.png,x"], r"line 1: the header must have a column for the image.*'file,kind'"),
        ([], r"line 1: the header must have"),
        (["path,label"], r"lists no images"),
        (["path,label", "a/0.png,x", "a/1.png"], r"line 3: expected 2 fields. Received: 1"),
        (["path,label", "a/0.png,"], r"line 2: empty field"),
        (["path,label,split", "a/0.png,x,"], r"line 2: empty field"),
        (["path,label", "a/0.png,x", "a/9.png,x"], r"line 3: there is no file .*a/9.png"),
        (["path,label", "a/0.png,x", "a/0.png,y"], r"line 3: 'a/0.png' is listed before, in line 2"),
        (["path,label", '"a/0.png,x'], r"line 2: not a row of CSV"),
    ],
)
def test_csv_errors_name_the_line(table, lines, message):
    with pytest.raises(InputError, match=message):
        open_image_set(table(*lines))


def test_csv_that_cannot_be_read(tmp_path, table):
    with pytest.raises(InputError, match=r"cannot be read"):
        open_image_set(f"csv:{tmp_path}/none.csv")
    with pytest.raises(InputError, match=r"not UTF-8"):
        open_image_set(table("path,label", "é,x", encoding="latin-1"))


def test_csv_bad_images(table, tmp_path):
    (tmp_path / "a/1.png").write_bytes(b"broken")
    spec = table("path,label", "a/0.png,x", "a/1.png,y")
    with pytest.raises(InputError, match=r"a/1.png cannot be decoded"):
        open_image_set(spec)
    images = open_image_set(spec, bad_images="skip")
    assert images.ids.tolist() == ["a/0.png"]
    with pytest.raises(InputError, match=r"none of its 1 images can be decoded"):
        open_image_set(table("path,label", "a/1.png,y"), bad_images="skip")


def test_csv_and_folder_know_the_same_file(table, tmp_path):
    with pytest.raises(InputError, match=r"are in both"):
        check_disjoint(open_image_set(table("path,label", "a/0.png,x")), open_image_set(f"folder:{tmp_path}"))


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
