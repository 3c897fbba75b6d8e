"""A file too large to be an image is not read, by training's scan as little as by prediction."""

import pytest
from PIL import Image

from sjft_tf.images.decoding import decode
from sjft_tf.images.places import paths
from sjft_tf.images.sets.scan import inspect_file
from sjft_tf.pipeline.answering.image_files import readable


@pytest.fixture
def sparse(tmp_path):
    path = tmp_path / "photo.jpg"
    with open(path, "wb") as stream:
        stream.truncate(10 << 30)  # no block of it is on the disk
    return path


def test_gigabytes_of_nothing_are_not_read(sparse, monkeypatch):
    monkeypatch.setattr(paths.Path, "read_bytes", None)
    expected = f"its {10 << 30} bytes are more than the {8 * decode.MAX_PIXELS + (64 << 20)} that are read"
    for said in (inspect_file(str(sparse)).error, readable(sparse)[1]):
        assert said.startswith(expected)
        assert said.endswith("remove it or raise --max_pixels")


def test_the_limit_follows_the_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "_OTHER_BYTES", 100)
    path = tmp_path / "x.bmp"
    Image.new("RGB", (10, 10)).save(path)  # 374 bytes
    assert inspect_file(str(path), 100).error == ""
    with open(path, "ab") as stream:
        stream.write(bytes(800))
    assert "its 1174 bytes are more than the 900" in inspect_file(str(path), 100).error
    assert inspect_file(str(path), 0).error == ""
    assert readable(path, 0)[1] == ""


def test_remote_files_are_measured_too():
    import tensorflow as tf

    with tf.io.gfile.GFile("ram://large.jpg", "wb") as stream:
        stream.write(bytes(1000))
    with pytest.raises(OSError, match="its 1000 bytes are more than the 999"):
        paths.read_bytes("ram://large.jpg", 999)
    assert len(paths.read_bytes("ram://large.jpg", 1000)) == 1000
