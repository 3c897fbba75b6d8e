"""Every kind of damage to a shard is found, and blocks of images stay small."""

import concurrent.futures
import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images.kinds import shards as shards_module
from sjft_tf.images.kinds.examples import Features
from sjft_tf.images.kinds.record_lengths import ShardContent
from sjft_tf.images.kinds.shards import RecordFile, index, records

LENGTHS = (5, 0, 12)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A shard of three records, as bytes."""
    path = tmp_path_factory.mktemp("shard") / "whole"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i, length in enumerate(LENGTHS):
            writer.write(bytes([i + 1]) * length)
    return path.read_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "shard"


def shard_of(path, content):
    path.write_bytes(content)
    return RecordFile(str(path), len(content), 0)


def first_damaged(position):
    """The record that a byte belongs to: 12 bytes, the data, 4 bytes each."""
    ends = np.cumsum([12 + length + 4 for length in LENGTHS])
    return int(np.searchsorted(ends, position, side="right"))


def test_records_and_where_they_begin(path, content):
    stored = list(records(shard_of(path, content), ShardContent(len(content))))
    assert [len(record) for _, record in stored] == list(LENGTHS)
    for start, record in stored:
        assert content[start : start + len(record)] == record


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_a_changed_byte_is_found_and_the_record_named(path, content, data):
    position = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[position] ^= data.draw(st.integers(1, 255))
    shard = shard_of(path, bytes(changed))
    with pytest.raises(InputError, match=rf"shard, record {first_damaged(position)} \(from byte \d+\) is"):
        list(records(shard, ShardContent(len(content))))


def test_a_shard_cut_anywhere_is_found_and_the_record_named(path, content):
    borders = {0, *np.cumsum([16 + length for length in LENGTHS]).tolist()}
    for length in range(len(content)):
        shard = shard_of(path, content[:length])
        if length in borders:  # a shorter shard, and a whole one
            list(records(shard, ShardContent(length)))
            continue
        with pytest.raises(InputError, match=rf"shard, record {first_damaged(length)} \(from byte \d+\) is truncated"):
            list(records(shard, ShardContent(length)))


def test_a_shard_that_is_gone(tmp_path):
    with pytest.raises(InputError, match=r"gone cannot be read: No such file or directory"):
        list(records(RecordFile(str(tmp_path / "gone"), 0, 0)))


def test_the_image_is_found_inside_its_record_and_order_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "_BLOCK", 3)
    monkeypatch.setattr(shards_module, "_AHEAD", 1)
    path, pictures = tmp_path / "many", []
    with tf.io.TFRecordWriter(str(path)) as writer:
        for i in range(20):
            stream = io.BytesIO()
            Image.new("L", (i + 1, 3), i).save(stream, "PNG")
            pictures.append(stream.getvalue())
            values = {"x": [pictures[-1]], "y": [b"%d" % (i % 4)], "copy": [pictures[-1]], "z": [b"", b"many"]}
            features = {k: tf.train.Feature(bytes_list=tf.train.BytesList(value=v)) for k, v in values.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    content = path.read_bytes()
    shard = RecordFile(str(path), len(content), 0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        known = index(shard, ShardContent(len(content)), Features("x", "y", "", (), False), pool, None)
    assert len(known) == 20
    cut = [content[start : start + length] for start, length in zip(known.starts, known.lengths, strict=True)]
    assert cut == pictures
    assert known.names == [("0",), ("1",), ("2",), ("3",)]
    assert known.codes.tolist() == [i % 4 for i in range(20)]
    assert not known.errors
    arrays = (known.starts, known.lengths, known.plain, known.digests, known.codes)
    assert sum(array.nbytes for array in arrays) == 20 * (8 + 4 + 1 + 32 + 4)  # sets of a million must fit


def test_blocks_are_bounded_in_images_and_bytes(monkeypatch):
    monkeypatch.setattr(shards_module, "_BLOCK", 4)
    monkeypatch.setattr(shards_module, "_BLOCK_BYTES", 100)
    sizes = [10, 10, 10, 10, 90, 10, 500, 1]
    blocks = [[len(one) for one in block] for block in shards_module._blocks(bytes(size) for size in sizes)]
    assert blocks == [[10, 10, 10, 10], [90, 10], [500], [1]]
