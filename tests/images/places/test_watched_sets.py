"""Sets know the files they are read from, whatever is made of them, and tell when one of them is another one."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set, open_source
from sjft_tf.images.places.paths import file_stats
from sjft_tf.images.places.watching import Files, refuse_changed


def png(path, gray=0):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.full((4, 5, 3), gray, np.uint8)).save(path)


@pytest.fixture
def birds(tmp_path):
    for name in ("owl", "tit"):
        for i in range(3):
            png(tmp_path / "birds" / name / f"{i}.png")
    return tmp_path / "birds"


def shards(folder, compression=""):
    for number in range(2):
        with tf.io.TFRecordWriter(str(folder / f"s-{number}"), compression) as writer:
            for label in range(2):
                encoded = tf.io.encode_png(np.full((2, 2, 3), label, np.uint8)).numpy()
                features = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return f"tfrecord:{folder}/s-*"


@pytest.mark.parametrize("derive", ["whole", "subset", "relabeled", "reduced", "joined"])
def test_another_valid_image_in_its_place(birds, tmp_path, derive):
    images = open_image_set(f"folder:{birds}")
    made = {
        "whole": lambda: images,
        "subset": lambda: images.subset([0, 5]),
        "relabeled": lambda: images.relabeled(images.labels, ("x", "y")),
        "reduced": lambda: images.reduced(8),
        "joined": lambda: open_source([f"folder:{birds}", "glyphs?n=52&size=16"]),
    }[derive]()
    refuse_changed(None, object(), made, made)  # what says nothing of files is passed over
    path = birds / "tit" / "2.png"
    size, time = path.stat().st_size, path.stat().st_mtime_ns
    png(path, 0)  # the same bytes, at another time
    os.utime(path, ns=(time + 1, time + 1))
    with pytest.raises(InputError, match=re.escape(f"{path} was changed (still {size} bytes) since")):
        refuse_changed(made)
    os.utime(path, ns=(time, time))
    refuse_changed(made)
    path.unlink()
    with pytest.raises(InputError, match=r"2\.png is gone since .* What was finished before is kept\. Bring"):
        refuse_changed(made)


def test_shards_are_watched_unless_there_is_a_copy(tmp_path):
    images = open_image_set(shards(tmp_path))
    refuse_changed(images)
    with open(tmp_path / "s-1", "ab") as stream:
        stream.write(b"more")
    with pytest.raises(InputError, match="s-1 was changed"):
        refuse_changed(images)
    packed = open_image_set(shards(tmp_path, "GZIP") + "?compression=GZIP")
    (tmp_path / "s-1").unlink()
    refuse_changed(packed)
    assert len(list(packed.dataset())) == 4


def test_what_is_in_memory_cannot_change(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2, 2), np.uint8), y=np.array([0, 0, 1, 1]))
    images = open_image_set(f"npz:{tmp_path / 'x.npz'}")
    Path(tmp_path / "x.npz").unlink()
    refuse_changed(images)
    assert len(list(images.dataset())) == 4


def test_remote_files_are_asked_for_only_after_a_failure(tmp_path):
    png(tmp_path / "a.png")
    paths = ["ram://nowhere/x.png", str(tmp_path / "a.png")]
    files = Files(paths, [(5, 0), file_stats(paths[1:])[0]])
    assert files.change(remote=False) == ""
    assert files.change() == "ram://nowhere/x.png is gone"
