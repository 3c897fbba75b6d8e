"""Names and places no image set should be: a clear refusal, and never a hang."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.images.places.paths import MISSING, file_stats, read_bytes
from sjft_tf.pipeline.answering.image_files import find_files, readable


@pytest.fixture
def birds(tmp_path):
    for name in ("owl", "tit"):
        (tmp_path / "birds" / name).mkdir(parents=True)
        Image.fromarray(np.full((4, 5, 3), len(name), np.uint8)).save(tmp_path / "birds" / name / "0.png")
    return tmp_path / "birds"


@pytest.mark.parametrize("folder", ["/", "/proc", "/sys", "/dev", "/proc/self", "/proc/self/root"])
def test_the_machine_itself(folder):
    real = Path(folder).resolve()
    if not real.is_dir() or (real != Path("/") and real.stat().st_dev == Path("/").stat().st_dev):
        pytest.skip(f"{folder} is no file system of its own here")
    with pytest.raises(InputError, match="whole machine"):
        open_image_set(f"folder:{folder}")
    with pytest.raises(InputError, match="whole machine"):
        list(find_files([folder]))


def test_link_to_the_machine(birds):
    (birds / "owl" / "all").symlink_to("/")
    with pytest.raises(InputError, match="owl/all is the whole machine"):
        open_image_set(f"folder:{birds}")


def test_links_that_lead_back_end(birds):
    (birds / "owl" / "self").symlink_to(".")
    (birds / "owl" / "up").symlink_to("..")
    (birds / "owl" / "turn").symlink_to("turn")
    (birds / "owl" / "twice").symlink_to(birds.parent / "elsewhere")
    (birds / "owl" / "again").symlink_to(birds.parent / "elsewhere")
    (birds.parent / "elsewhere").mkdir()
    Image.new("RGB", (3, 3), "red").save(birds.parent / "elsewhere" / "1.png")
    (birds / "nowhere").symlink_to("nowhere")
    images = open_image_set(f"folder:{birds}")
    assert images.ids.tolist() == ["owl/0.png", "owl/again/1.png", "tit/0.png"]
    assert len(list(find_files([str(birds)]))) == 3
    with pytest.raises(InputError, match="cannot be used"):
        open_image_set(f"folder:{birds}/nowhere")


@pytest.mark.parametrize("which", ["tit", "tit/deep", ""])
def test_unreadable_folder_is_not_empty(birds, monkeypatch, which):
    (birds / "tit" / "deep").mkdir()
    scandir, closed = os.scandir, birds / which

    def guarded(path):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(InputError, match=f"{closed} cannot be listed: Permission denied"):
        open_image_set(f"folder:{birds}")
    with pytest.raises(InputError, match=f"{closed} cannot be listed: Permission denied"):
        list(find_files([str(birds)]))


def test_pipes_and_sockets_are_not_opened(birds):
    os.mkfifo(birds / "owl" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(birds / "owl")  # a socket's path must be short
        made.bind("talk.png")
    os.chdir("/")
    (birds / "owl" / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "talk.png", "zero.png"):
        with pytest.raises(OSError, match="Not a regular file"):
            read_bytes(str(birds / "owl" / name))
        assert readable(birds / "owl" / name) == (b"", "Not a regular file")
    with pytest.raises(InputError, match=r"pipe.png cannot be decoded: Not a regular file \(3 such"):
        open_image_set(f"folder:{birds}")
    assert len(open_image_set(f"folder:{birds}", bad_images="skip")) == 2


@pytest.mark.parametrize("kind", ["folder", "csv", "npz", "tfrecord"])
@pytest.mark.parametrize("path", ["/a\0b", "/" + "n" * 300, "~nobody_of_that_name/x", "/caf\udce9"], ids=ascii)
def test_impossible_paths(kind, path):
    with pytest.raises(InputError) as caught:
        open_image_set(f"{kind}:{path}")
    str(caught.value).encode()


@pytest.mark.parametrize("path", ["/a\0b", "/a\0*", "n" * 300, "~nobody_of_that_name/x", "/caf\udce9"], ids=ascii)
def test_impossible_images(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        list(find_files([path]))


def test_names_that_are_not_utf8(birds, tmp_path):
    odd = birds / "owl" / "caf\udce9.png"
    odd.write_bytes((birds / "owl" / "0.png").read_bytes())
    Image.new("RGB", (3, 3), "red").save(birds / "tit" / "1.png")
    (birds / "\udce9").mkdir()
    (birds / "tit" / "1.png").rename(birds / "\udce9" / "\udcff.png")
    (birds / "tit" / "bad\udce9.png").write_bytes(b"broken")
    for _ in range(2):  # scanned, and from the cache
        images = open_image_set(
            f"folder:{birds}", bad_images="skip", cache=tmp_path / "cache", report=tmp_path / "bad.csv"
        )
        assert images.class_names == ("\\xe9", "owl", "tit")
        assert images.ids.tolist() == ["\\xe9/\\xff.png", "owl/0.png", "owl/caf\\xe9.png", "tit/0.png"]
        assert images.load(0)[0, 0].numpy().tolist() == [255, 0, 0]
    assert "tit/bad\\xe9.png,not an image" in (tmp_path / "bad.csv").read_text()


def test_a_path_with_nul_is_missing():
    assert file_stats(["a\0b"]) == [MISSING]
    with pytest.raises(OSError, match="Not a path"):
        read_bytes("a\0b")
