"""Kept descriptors: lossless, complete or absent, continued after a kill, bounded in memory."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf import artifacts
from sjft_tf.artifacts import ArtifactMismatch, remove_leftovers
from sjft_tf.descriptors import BinEdges, DescriptorStore, histograms
from sjft_tf.errors import InputError

LAYERS = {"layer_channels": (3, 2), "layer_positions": (35, 12), "bins": 5}
STAMP = {"source": "abc", "edges": "def"}


def random_counts(rng, images, layer_channels=(3, 2), layer_positions=(35, 12), bins=5):
    """int64 [images, D]: every channel's positions dealt out to its bins."""
    parts = [
        rng.multinomial(positions, np.full(bins, 1 / bins), (images, channels)).reshape(images, -1)
        for channels, positions in zip(layer_channels, layer_positions, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def create(path, images=9, **changes):
    return DescriptorStore.create(path, images, made_from=STAMP, **{**LAYERS, **changes})


@pytest.fixture
def kept(tmp_path, rng):
    counts = random_counts(rng, 9)
    writer = create(tmp_path / "store")
    writer.write(np.arange(9, dtype=np.int32), counts)
    return writer.finish(), counts


def test_counts_come_back_in_any_order_of_rows(kept):
    store, counts = kept
    assert len(store) == 9
    assert store.dimensions == 25
    assert store.made_from == STAMP
    for rows in ([3], [2, 3, 4], [8, 0, 0, 5], [], range(9)):
        read = store.counts(np.array(rows, np.int32))
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, counts[list(rows)])
        read[:] = 0
    np.testing.assert_array_equal(store.counts(np.arange(9)), counts)


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("sides", [((7, 5), (3, 4)), ((49, 1), (13, 11)), ((54, 54), (27, 27)), ((1, 1), (224, 3))])
def test_a_histogram_read_back_is_bit_equal_to_the_extracted_one(tmp_path, rng, sides, in_graph):
    channels, bins = (3, 2), 6
    responses = [
        rng.normal(size=(4, *side, count)).astype(np.float32) for side, count in zip(sides, channels, strict=True)
    ]
    layers = tuple(np.sort(rng.normal(size=(count, bins - 1)).astype(np.float32), axis=1) for count in channels)
    edges = BinEdges(layers, layers, layers)
    counts = np.concatenate(
        [
            [
                [np.bincount(np.searchsorted(line, image[..., c], side="right").ravel(), minlength=bins)]
                for image in response
                for c, line in enumerate(layer)
            ]
            for response, layer in zip(responses, layers, strict=True)
        ]
    )
    by_layer = np.split(counts.reshape(-1, bins), [4 * channels[0]])
    counts = np.concatenate([part.reshape(4, -1) for part in by_layer], axis=1)
    positions = [side[0] * side[1] for side in sides]
    writer = DescriptorStore.create(tmp_path / "store", 4, channels, positions, bins, STAMP)
    writer.write(np.arange(4), counts)
    store = writer.finish()
    function = tf.function(lambda *r: histograms(r, edges)) if in_graph else lambda *r: histograms(r, edges)
    wanted = function(*map(tf.constant, responses)).numpy()
    read = store.histograms([0, 1, 2, 3])
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read.view(np.int32), wanted.view(np.int32))


def test_a_layer_of_more_than_65535_positions_is_kept_in_32_bits(tmp_path):
    for positions, dtype in ((65_535, np.uint16), (65_536, np.uint32)):
        writer = create(tmp_path / str(positions), 1, layer_channels=(1,), layer_positions=(positions,), bins=2)
        writer.write([0], np.array([[positions, 0]]))
        store = writer.finish()
        assert store.counts([0]).dtype == dtype
        np.testing.assert_array_equal(store.counts([0]), [[positions, 0]])
        np.testing.assert_array_equal(store.histograms([0]), [[1, 0]])


@given(block_rows=st.integers(1, 12), rows=st.lists(st.integers(0, 8), max_size=20))
def test_blocks_are_the_histograms_in_order_whatever_their_size(tmp_path_factory, block_rows, rows):
    rng = np.random.default_rng(1)
    counts = random_counts(rng, 9)
    writer = create(tmp_path_factory.mktemp("any") / "store")
    writer.write(np.arange(9), counts)
    store = writer.finish()
    for chosen in (None, rows):
        blocks = list(store.blocks(chosen, block_rows))
        wanted = list(range(9)) if chosen is None else chosen
        assert [row for part, _ in blocks for row in part.tolist()] == wanted
        assert all(part.dtype == np.int32 and len(part) == len(block) <= block_rows for part, block in blocks)
        if wanted:
            np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), store.histograms(wanted))


def test_the_file_is_a_plain_array_any_program_can_map(kept):
    store, counts = kept
    mapped = np.load(store.path / "counts.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(mapped, counts)
    assert sorted(path.name for path in store.path.iterdir()) == ["checksums.npz", "counts.npy", "meta.json"]


def test_a_partial_store_is_gone_on_with_and_has_no_name_before_it_is_complete(tmp_path, rng):
    path, counts = tmp_path / "store", random_counts(rng, 9)
    writer = create(path)
    writer.write([4, 0, 1], counts[[4, 0, 1]])
    writer.flush()
    writer.close()
    assert not path.exists()
    remove_leftovers(tmp_path)
    with pytest.raises(InputError, match="There is no descriptor store"):
        DescriptorStore.open(path)
    writer = create(path)
    writer.write([2, 3, 8, 7, 6], counts[[2, 3, 8, 7, 6]])
    with pytest.raises(InputError, match="row 5 was not written"):
        writer.finish()
    writer.write([5], counts[[5]])
    np.testing.assert_array_equal(writer.finish().counts(np.arange(9)), counts)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]
    with pytest.raises(InputError, match="is there already"):
        create(path)


def test_a_row_written_again_is_replaced(tmp_path, rng):
    counts = random_counts(rng, 9)
    writer = create(tmp_path / "store")
    writer.write(np.arange(9), counts[::-1])
    writer.write(np.arange(9), counts)
    np.testing.assert_array_equal(writer.finish().counts(np.arange(9)), counts)


def test_what_was_flushed_survives_kill_9(tmp_path, rng):
    path, counts = tmp_path / "store", random_counts(rng, 9)
    np.save(tmp_path / "counts.npy", counts)
    program = f"""
import numpy as np, os, signal
from sjft_tf.descriptors.store import DescriptorStore
writer = DescriptorStore.create({str(path)!r}, 9, (3, 2), (35, 12), 5, {STAMP!r})
writer.write(np.arange(6), np.load({str(tmp_path / "counts.npy")!r})[:6])
writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == -signal.SIGKILL
    writer = create(path)
    writer.write([6, 7, 8], counts[6:])
    np.testing.assert_array_equal(writer.finish().counts(np.arange(9)), counts)


def test_a_creation_that_was_killed_is_made_anew(tmp_path, rng):
    partial = tmp_path / "store.partial"
    partial.mkdir()
    (partial / "counts.npy").write_bytes(b"half")
    counts = random_counts(rng, 9)
    writer = create(tmp_path / "store")
    writer.write(np.arange(9), counts)
    np.testing.assert_array_equal(writer.finish().counts(np.arange(9)), counts)


@pytest.mark.parametrize(
    "change", [{"images": 8}, {"bins": 6}, {"layer_channels": (2, 3)}, {"layer_positions": (35, 13)}]
)
def test_a_partial_store_of_other_descriptors_is_refused(tmp_path, change):
    create(tmp_path / "store").close()
    with pytest.raises(ArtifactMismatch, match=next(iter(change))):
        create(tmp_path / "store", **change)


def test_a_partial_store_made_from_other_images_is_refused(tmp_path):
    create(tmp_path / "store").close()
    with pytest.raises(ArtifactMismatch, match="'abc' there, 'xyz' asked for"):
        DescriptorStore.create(tmp_path / "store", 9, made_from={**STAMP, "source": "xyz"}, **LAYERS)


def test_counts_that_cannot_be_right_are_refused(tmp_path, rng):
    writer, counts = create(tmp_path / "store"), random_counts(rng, 9)
    with pytest.raises(InputError, match="integers of shape"):
        writer.write([0], counts[:1].astype(np.float32))
    with pytest.raises(InputError, match="integers of shape"):
        writer.write([0, 1], counts[:1])
    with pytest.raises(InputError, match="integers of shape"):
        writer.write([0], counts[:1, :-1])
    with pytest.raises(InputError, match="from 0 to 8"):
        writer.write([9], counts[:1])
    with pytest.raises(InputError, match="from 0 to 8"):
        writer.write([-1], counts[:1])
    with pytest.raises(InputError, match="list of integers"):
        writer.write([0.5], counts[:1])
    wrong = counts[:2].copy()
    wrong[1, 7] += 1
    with pytest.raises(InputError, match=r"sum to the positions.*rows \[4\]"):
        writer.write([3, 4], wrong)
    wrong[1, 7:9] = wrong[1, 7:9] - 1 + [-40, 40]
    with pytest.raises(InputError, match="at least 0"):
        writer.write([3, 4], wrong)
    with pytest.raises(InputError, match="not complete: row 0"):
        writer.finish()


@pytest.mark.parametrize("change", [{"images": 0}, {"bins": 0}, {"layer_channels": (3,)}, {"layer_positions": (0, 1)}])
def test_numbers_that_describe_no_store_are_refused(tmp_path, change):
    with pytest.raises(InputError, match="at least one image"):
        create(tmp_path / "store", **change)
    assert not list(tmp_path.iterdir())


def test_a_missing_damaged_or_cut_off_store_is_refused(kept, tmp_path):
    store, _ = kept
    file, meta = store.path / "counts.npy", store.path / "meta.json"
    whole, description = file.read_bytes(), artifacts.read_json(meta)
    with pytest.raises(InputError, match="There is no descriptor store"):
        DescriptorStore.open(tmp_path / "nothing")
    for damage in (whole[:-1], whole + b"x", b"nonsense", b"", whole[:20]):
        file.write_bytes(damage)
        with pytest.raises(InputError, match="damaged"):
            DescriptorStore.open(store.path)
    file.write_bytes(whole)
    for other in ({}, {"kind": "neighbor table"}):
        artifacts.write_json(meta, other)
        with pytest.raises(InputError, match="does not hold a descriptor store"):
            DescriptorStore.open(store.path)
    for damage, reason in (("{", "not valid JSON"), ("{}", "no digest"), ("[1]", "an object was expected")):
        meta.write_text(damage)
        with pytest.raises(InputError, match=reason):
            DescriptorStore.open(store.path)
    for bins in ("five", 6, 0, -1, 10**30, True, None):
        artifacts.write_json(meta, {**description, "bins": bins})
        with pytest.raises(InputError, match="damaged"):
            DescriptorStore.open(store.path)


def test_rows_outside_the_store_and_empty_blocks_are_refused(kept):
    store, _ = kept
    for rows in ([9], [-1]):
        with pytest.raises(InputError, match="from 0 to 8"):
            store.histograms(rows)
    with pytest.raises(InputError, match="block_rows"):
        next(store.blocks(block_rows=0))


def test_a_disk_that_is_too_full_is_refused_before_anything_is_described(tmp_path):
    # The disk cannot be filled here; the largest file a process may write can be set, and fails the same way.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"500,000 bytes needed, [\d,]+ free"):
            create(tmp_path / "store", images=10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list((tmp_path / "store.partial").iterdir())


def test_reading_and_writing_leave_no_pages_behind(tmp_path, rng):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    line = random_counts(rng, 64, (40,), (900,), 50).astype(np.uint16)
    writer = DescriptorStore.create(tmp_path / "store", 16_384, (40,), (900,), 50, STAMP)
    before = resident()
    for start in range(0, 16_384, 64):
        writer.write(np.arange(start, start + 64), line)
    store = writer.finish()
    for _ in store.blocks(block_rows=64):
        pass
    assert resident() - before < store.images * store.dimensions * 2 / 4
