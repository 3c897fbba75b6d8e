import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set


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
