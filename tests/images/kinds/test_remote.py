"""Tables and images on a file system that is not the local disk: TensorFlow's in-memory ram://."""

import io

import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import check_disjoint, default_splits, open_image_set
from sjft_tf.images.sets import scan as scan_module
from sjft_tf.images.sets.scan import inspect_file


def write(path, content):
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "wb") as stream:
        stream.write(content)


def png(gray, size=2):
    stream = io.BytesIO()
    Image.new("L", (size, size), gray).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def root(request):
    """A folder in memory with a/0.png ... a/3.png, each of its own gray."""
    folder = f"ram://{request.node.name}"
    for i in range(4):
        write(f"{folder}/a/{i}.png", png(10 * i))
    yield folder
    tf.io.gfile.rmtree(folder)


def grays(images):
    return [int(e["image"][0, 0, 0]) for e in images.dataset().as_numpy_iterator()]


def test_remote_table_names_images_relative_to_itself_and_in_full(root, tmp_path):
    (tmp_path / "local.png").write_bytes(png(77))
    lines = ["path,label,split", "a/2.png,é,train", f"{root}/a/1.png,x,train", f"{tmp_path}/local.png,x,test"]
    write(f"{root}/list.csv", "\n".join(lines).encode("utf-8-sig"))
    spec = f"csv:{root}/list.csv"
    assert default_splits(spec) == {"train": f"{spec}#train", "test": f"{spec}#test"}
    train = open_image_set(f"{spec}#train")
    assert train.name == "list#train"
    assert train.ids.tolist() == ["a/2.png", f"{root}/a/1.png"]
    assert train.class_names == ("x", "é")
    assert grays(train) == [20, 10]
    assert grays(open_image_set(f"{spec}#test")) == [77]


def test_local_table_of_remote_images(root, tmp_path):
    (tmp_path / "list.csv").write_text(f"path,label\n{root}/a/3.png,x\n{root}/a/0.png,y\n")
    images = open_image_set(f"csv:{tmp_path}/list.csv")
    assert grays(images) == [30, 0]
    write(f"{root}/other.csv", b"path,label\na/0.png,z\n")
    with pytest.raises(InputError, match=r"1 image\(s\) are in both"):
        check_disjoint(images, open_image_set(f"csv:{root}/other.csv"))


def test_remote_image_that_is_missing_or_damaged(root):
    write(f"{root}/list.csv", b"path,label\na/0.png,x\na/9.png,x\n")
    with pytest.raises(InputError, match=r"list.csv, line 3: there is no file ram://.*/a/9.png"):
        open_image_set(f"csv:{root}/list.csv")
    write(f"{root}/a/9.png", b"broken")
    with pytest.raises(InputError, match=r"a/9.png cannot be decoded: not an image in a known format"):
        open_image_set(f"csv:{root}/list.csv")
    assert open_image_set(f"csv:{root}/list.csv", bad_images="skip").ids.tolist() == ["a/0.png"]


def test_table_on_a_file_system_that_does_not_exist_or_holds_no_table(root):
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        open_image_set(f"csv:{root}/none.csv")
    with pytest.raises(InputError, match=r"cannot be read \(File system scheme 'nofs' not implemented"):
        open_image_set("csv:nofs://x/list.csv")
    write(f"{root}/latin.csv", "path,label\né,x".encode("latin-1"))
    with pytest.raises(InputError, match=r"not UTF-8"):
        open_image_set(f"csv:{root}/latin.csv")
    write(f"{root}/list.csv", b"path,label\nnofs://x/1.png,x\n")
    with pytest.raises(InputError, match=r"its images cannot be reached \(nofs://x/1.png: File system scheme"):
        open_image_set(f"csv:{root}/list.csv")
    with pytest.raises(InputError, match=r"folders must be on the local disk.*csv:PATH"):
        open_image_set(f"folder:{root}")


def test_only_changed_remote_images_are_read_again(root, tmp_path, monkeypatch):
    read = []

    def counted(path, *rest):
        read.append(path)
        return inspect_file(path)

    monkeypatch.setattr(scan_module, "inspect_file", counted)
    write(f"{root}/list.csv", b"path,label\n" + b"".join(b"a/%d.png,x\n" % i for i in range(4)))
    first = open_image_set(f"csv:{root}/list.csv", cache=tmp_path)
    assert len(read) == 4
    read.clear()
    assert open_image_set(f"csv:{root}/list.csv", cache=tmp_path).fingerprint == first.fingerprint
    assert not read
    write(f"{root}/a/1.png", png(200, size=40))
    changed = open_image_set(f"csv:{root}/list.csv", cache=tmp_path)
    assert read == [f"{root}/a/1.png"]
    assert (changed.digests != first.digests).any(1).tolist() == [False, True, False, False]


def test_no_remote_call_for_local_files(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(png(5))
    (tmp_path / "list.csv").write_text("path,label\na.png,x\n")

    def refuse(*args, **kwargs):
        raise AssertionError("a local file was looked up through TensorFlow")

    for name in ("stat", "exists", "isdir", "GFile"):
        monkeypatch.setattr(tf.io.gfile, name, refuse)
    assert grays(open_image_set(f"csv:{tmp_path}/list.csv")) == [5]
