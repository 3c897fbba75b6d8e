"""Rows of CSV tables that other programs or hands made: one image under several names, damage, no table at all."""

import os

import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set


@pytest.fixture
def table(tmp_path):
    (tmp_path / "a").mkdir()
    for i in range(2):
        Image.new("L", (2, 2), 10 * i).save(tmp_path / f"a/{i}.png")

    def write(content):
        (tmp_path / "list.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return f"csv:{tmp_path}/list.csv"

    return write


@pytest.mark.parametrize("other", ["./a/0.png", "a//0.png", "a/../a/0.png", "a/./0.png", "{tmp_path}/a/0.png"])
def test_one_image_under_two_names(table, tmp_path, other):
    other = other.format(tmp_path=tmp_path)
    with pytest.raises(InputError, match=rf"line 4: '{other}' is listed before, in line 2"):
        open_image_set(table(f"path,label\na/0.png,x\na/1.png,y\n{other},y\n"))


def test_one_image_in_two_splits_is_left_to_the_check_of_splits(table):
    spec = table("path,label,split\na/0.png,x,train\n./a/0.png,x,test\n")
    assert open_image_set(f"{spec}#train").identities.tolist() == open_image_set(f"{spec}#test").identities.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\na/0\0.png,x\n", "line 2: a NUL byte in a name"),
        ("path,label\na/0.png,x\0\n", "line 2: a NUL byte in a name"),
        ("path,path,label\na/0.png,a/0.png,x\n", "line 1: the column path is there twice"),
        ("path,label\n" + "x" * 200_000 + ",x\n", "line 2: not a row of CSV .*field larger"),
        ("path,label\n" + "x" * 300 + ".png,x\n", "line 2: there is no file"),
        (b"\xff\xfep\0a\0t\0h\0", "line 1: the header must have"),
        (b"\xff\xfep\0a\0t\0h", "is not UTF-8 text"),
        (b"", "line 1: the header must have"),
        (b"\xef\xbb\xbf", "line 1: the header must have"),
        ("x" * 100_000, "line 1: the header must have.{1,500}$"),
        ("path,label\n\n\n", "lists no images"),
        ("path,label\na,x\n", "there is no file"),
    ],
)
def test_damage(table, content, message):
    with pytest.raises(InputError, match=message):
        open_image_set(table(content))


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "/pipe"):
        with pytest.raises(InputError, match=r"cannot be read \(it is a folder or a device\)"):
            open_image_set(f"csv:{tmp_path}{name}")
        with pytest.raises(InputError, match=r"cannot be read as .npz .*it is a folder or a device"):
            open_image_set(f"npz:{tmp_path}{name}")
