"""Damaged CSV tables, TFRecord shards and npz sets: they open, or are refused with an InputError, in little memory."""

import gzip
import io
import random
import resource
import struct
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.images.kinds.record_lengths import masked_crc32c

_ROOM = 256 << 10  # KB that all mutations together may add


def picture(gray):
    stream = io.BytesIO()
    Image.new("L", (4, 4), gray).save(stream, "PNG")
    return stream.getvalue()


def csv_table(_):
    return b"path,label,note\n0.png,owl,x\n1.png,bee,\n"


def image_list(_):
    return "7 0.png\n8 1.png\n".encode("utf-16")


def shard(folder):
    with tf.io.TFRecordWriter(str(folder / "made")) as writer:
        for gray in (0, 1):
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(picture(gray))
            example.features.feature["label"].int64_list.value.append(gray)
            writer.write(example.SerializeToString())
    return (folder / "made").read_bytes()


def npz(_):
    stream = io.BytesIO()
    pixels = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    np.savez_compressed(stream, x=pixels, y=np.array([0, 1]), class_names=np.array(["a", "b"]))
    return stream.getvalue()


def mutate(content, draw, lengths):
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8))):
        kind, at = draw.randrange(6), draw.randrange(len(changed) or 1)
        if kind == 0 and changed:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del changed[at:]
        elif kind == 2:
            changed[at:at] = changed[draw.randrange(len(changed) or 1) :][: draw.randrange(40)]
        elif kind == 3:
            changed[at : at + 4] = draw.choice((b"\xff" * 4, b"\0" * 4, b"\x80\0\0\0", b"''=\n"))
        elif kind == 4 and lengths:
            packed = struct.pack("<Q", draw.choice((0, 1, 1 << 20, 1 << 31, 1 << 36, 1 << 62, (1 << 64) - 17)))
            changed[:12] = packed + struct.pack("<I", masked_crc32c(packed))
        else:
            del changed[at : at + draw.randrange(1, 20)]
    return bytes(changed)


@pytest.mark.parametrize(
    ("make", "spec", "pack"),
    [
        (csv_table, "csv:{}", "no"),
        (image_list, "csv:{}?label=1", "no"),
        (npz, "npz:{}", "no"),
        (shard, "tfrecord:{}", "no"),
        (shard, "tfrecord:{}?compression=GZIP", "before"),
        (shard, "tfrecord:{}?compression=GZIP", "after"),
    ],
    ids=["csv", "list", "npz", "tfrecord", "gzip_of_damaged", "damaged_gzip"],
)
def test_damaged_sets(tmp_path, pytestconfig, make, spec, pack):
    for gray in (0, 1):
        (tmp_path / f"{gray}.png").write_bytes(picture(gray))
    content, draw, path = make(tmp_path), random.Random(0), tmp_path / "damaged"
    before, opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    for number in range(pytestconfig.getoption("--fuzz")):
        if pack == "after":
            damaged = mutate(gzip.compress(content, mtime=0), draw, lengths=False)
        else:
            damaged = mutate(content, draw, lengths=make is shard)
            damaged = gzip.compress(damaged, mtime=0) if pack == "before" else damaged
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                images = open_image_set(spec.format(path), bad_images=draw.choice(("error", "skip")))
                for row in range(min(2, len(images))):
                    images.load(row).numpy()
            opened += 1
        except InputError:
            pass
        except Exception as error:
            pytest.fail(f"mutation {number}: {type(error).__name__}: {error}; {damaged[:2000]!r}")
    print(f"{make.__name__}, packed {pack}: {opened} opened, the others refused")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < _ROOM
