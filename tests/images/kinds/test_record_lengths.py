"""Lengths in a shard that the file does not have are refused before TensorFlow makes room for them."""

import concurrent.futures
import gzip
import struct

import pytest
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.images.kinds import record_lengths
from sjft_tf.images.kinds import shards as shards_module
from sjft_tf.images.kinds.examples import Features
from sjft_tf.images.kinds.record_lengths import ShardContent, masked_crc32c
from sjft_tf.images.kinds.shards import RecordFile, copy_uncompressed, index, records
from sjft_tf.images.places.spool import Spool


def head(length):
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed))


def record(data):
    return head(len(data)) + data + struct.pack("<I", masked_crc32c(data))


def shard_of(path, content):
    path.write_bytes(content)
    return RecordFile(str(path), len(content), 0)


def test_the_checksum_is_tensorflows(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "one")) as writer:
        writer.write(b"some data")
    assert (tmp_path / "one").read_bytes() == record(b"some data")


@pytest.mark.parametrize("length", [1 << 36, 1 << 62, (1 << 64) - 1, 1 << 30, 5])
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_a_length_the_file_does_not_have(tmp_path, length, before, packed):
    content = record(b"abc") * before + head(length) + b"1234"
    shard = shard_of(tmp_path / "shard", gzip.compress(content) if packed else content)
    unpacked = ShardContent(len(content))
    if packed:
        shard, spool = RecordFile(shard.path, shard.size, 0, compressed=True), Spool()
        unpacked = ShardContent(copy_uncompressed(shard, spool), spool)
    match = (
        rf"shard, record {before} \(from byte {19 * before}\) is truncated or too large \(it claims {length} bytes, of"
    )
    with pytest.raises(InputError, match=match):
        list(records(shard, unpacked))


@pytest.mark.parametrize("option", ["", "?compression=GZIP"])
def test_the_first_record_of_an_image_set(tmp_path, option):
    content = head(1 << 36) + bytes(1 << 16)
    (tmp_path / "shard").write_bytes(gzip.compress(content) if option else content)
    with pytest.raises(InputError, match=r"shard, record 0 \(from byte 0\) is truncated or too large"):
        open_image_set(f"tfrecord:{tmp_path}/shard{option}")


def test_a_record_too_long_for_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr(record_lengths, "LONGEST", 100)
    content = record(bytes(100)) + record(bytes(101))
    stored = records(shard_of(tmp_path / "shard", content), ShardContent(len(content)))
    assert len(next(stored)[1]) == 100
    with pytest.raises(InputError, match=r"record 1 .* too large \(it claims 101 bytes"):
        next(stored)


def test_what_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "_BOMB_BYTES", 1 << 20)
    packed = gzip.compress(bytes(1 << 23))
    shard = RecordFile(str(tmp_path / "bomb"), len(packed), 0, compressed=True)
    (tmp_path / "bomb").write_bytes(packed)
    spool = Spool()
    with pytest.raises(InputError, match=r"bomb: its 8\d\d\d bytes unpack to \d+ and more; no images shrink so far"):
        copy_uncompressed(shard, spool)
    assert spool.size < 1 << 22


def test_a_damaged_entry_of_the_cache_is_made_again(tmp_path, caplog):
    cache = tmp_path / "cache"
    example = tf.train.Example()
    example.features.feature["x"].bytes_list.value.append(b"image")
    example.features.feature["y"].int64_list.value.append(3)
    content = record(example.SerializeToString())
    shard, features = shard_of(tmp_path / "shard", content), Features("x", "y", "", (), True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def indexed():
            return index(shard, ShardContent(len(content)), features, pool, cache)

        first = indexed()
        (path,) = cache.glob("*.npz")
        known = shards_module.artifacts.load_npz(path)
        for name in ("codes", "starts"):
            arrays = {key: value for key, value in known[0].items() if key != name}
            shards_module.artifacts.save_npz(path, arrays, known[1])
            assert indexed().codes.tolist() == first.codes.tolist()
        meta = known[1] | {"names": []}
        shards_module.artifacts.save_npz(path, known[0], meta)
        assert indexed().names == [("3",)]
    assert caplog.text.count("It is made again") == 3
