"""From two image sets to a neighbor table."""

import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.descriptors import DescriptorStore, StoreWriter, extract, open_bank
from sjft_tf.descriptors import target_descriptors as describe
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, View
from sjft_tf.retrieval import (
    RetrievalPaths,
    RetrievalRequest,
    Search,
    build,
    build_approximate_table,
    build_neighbor_table,
    source_descriptors,
)

VIEW, BANK = View(16, 16), open_bank("gabor")


def stripes(rng, images, period, down):
    """Noisy stripes of one period, along rows or columns."""
    wave = 127 + 90 * np.sin(2 * np.pi * np.arange(16) / period + rng.uniform(0, 6, (images, 1)))
    image = np.repeat(wave[:, :, None], 16, axis=2) if down else np.repeat(wave[:, None, :], 16, axis=1)
    return np.repeat((image + rng.normal(0, 5, image.shape)).clip(0, 255)[..., None], 3, axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    source = np.concatenate([stripes(rng, 10, 4, False), stripes(rng, 10, 4, True)])
    target = ImageSet.from_arrays("target", stripes(rng, 6, 4, True), [0] * 6)
    return target, ImageSet.from_arrays("source", source, [0] * 20)


def wanted(sets, bins=10, k=8):
    return RetrievalRequest(*sets, BANK, VIEW, bins, k)


def test_texture_finds_its_like(sets):
    table = build_neighbor_table(wanted(sets, k=5))
    # Rows 10 to 19 have stripes in the target's direction.
    assert (table.rows >= 10).all()
    assert table.made_from["source_size"] == 20
    assert table.made_from["target"] == sets[0].fingerprint
    # An image set against itself: everything is its own nearest.
    own = build_neighbor_table(wanted((sets[0], sets[0]), k=6))
    np.testing.assert_array_equal(own.rows[:, 0], np.arange(6))


def test_edges_that_are_given_are_used(sets, expected, tmp_path, monkeypatch):
    edges = describe(sets[0], BANK, VIEW, 10).edges
    used = []
    monkeypatch.setattr(build, "target_descriptors", lambda *a, **k: used.append(k["edges"]) or describe(*a, **k))
    same(build_neighbor_table(wanted(sets), edges=edges, batch_size=6), expected)
    table, _ = build_approximate_table(wanted(sets), RetrievalPaths(store=tmp_path / "store"), edges=edges)
    np.testing.assert_allclose(table.distances, expected.distances, rtol=1e-4)
    assert used == [edges, edges]


def test_k_is_checked_before_any_work(sets):
    for k in (0, 21):
        with pytest.raises(InputError, match=rf"`k` must be between 1 and 20.*k={k}"):
            build_neighbor_table(RetrievalRequest(*sets, None, None, k=k))


def same(one, other):
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.distances, other.distances)
    assert one.made_from == other.made_from


class Killed(BaseException):
    """What stands for the end of the process."""


def killed_after(monkeypatch, blocks):
    """The process ends when the search has been given so many blocks."""
    given = []
    real = Search.add

    def add(self, rows, histograms):
        if len(given) == blocks:
            raise Killed
        given.append(rows)
        real(self, rows, histograms)

    monkeypatch.setattr(Search, "add", add)
    return given


KILLED = {"batch_size": 4, "checkpoint_images": 8}


@pytest.fixture(scope="module")
def expected(sets):
    """The table of a search that nothing ended."""
    return build_neighbor_table(wanted(sets), **KILLED)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("blocks", [0, 1, 3, 4])
def test_a_killed_search_goes_on_from_its_checkpoint(sets, expected, tmp_path, monkeypatch, keep, blocks):
    paths = RetrievalPaths(checkpoint=tmp_path / "search.npz", store=tmp_path / "store" if keep else None)
    with monkeypatch.context() as patch:
        killed_after(patch, blocks)
        with pytest.raises(Killed):
            build_neighbor_table(wanted(sets), paths, **KILLED)
    with monkeypatch.context() as patch:
        given = killed_after(patch, 100)
        table = build_neighbor_table(wanted(sets), paths, **KILLED)
    same(table, expected)
    # Every second block of four is followed by a checkpoint.
    assert sum(len(rows) for rows in given) == 20 - 8 * (blocks // 2)
    paths.remove_checkpoint()
    assert [path.name for path in tmp_path.iterdir()] == (["store"] if keep else [])


def test_a_checkpoint_of_another_search_is_refused(sets, tmp_path, monkeypatch, caplog):
    paths = RetrievalPaths(checkpoint=tmp_path / "search.npz")
    with monkeypatch.context() as patch:
        killed_after(patch, 2)
        with pytest.raises(Killed):
            build_neighbor_table(wanted(sets), paths, batch_size=4, checkpoint_images=4)
    with pytest.raises(ArtifactMismatch, match="neighbors: 8 there, 9 asked for"):
        build_neighbor_table(wanted(sets, k=9), paths, batch_size=4)
    (tmp_path / "search.npz").write_bytes(b"nothing of ours")
    # Only time is lost with a damaged one: told, and searched from the beginning.
    again = build_neighbor_table(wanted(sets), paths, batch_size=4)
    assert "search.npz is not an artifact of sjft_tf or is damaged" in caplog.text
    np.testing.assert_array_equal(again.rows, build_neighbor_table(wanted(sets)).rows)
    with pytest.raises(InputError, match="--checkpoint_images must be at least 1. Received: 0"):
        build_neighbor_table(wanted(sets), paths, checkpoint_images=0)


def test_kept_descriptors_are_those_extracted_and_serve_the_next_search(sets, tmp_path, monkeypatch):
    paths = RetrievalPaths(store=tmp_path / "store")
    first = build_neighbor_table(wanted(sets, k=4), paths, batch_size=7)
    edges = describe(sets[0], BANK, VIEW, 10).edges
    kept = DescriptorStore.open(paths.store).histograms(np.arange(20))
    extracted = np.concatenate([block for _, block in extract(sets[1], BANK, edges, VIEW)])
    np.testing.assert_array_equal(kept, extracted)
    whole = build_neighbor_table(wanted(sets, k=20))
    with monkeypatch.context() as patch:
        patch.setattr(source_descriptors, "extract", None)
        patch.setattr(source_descriptors, "extract_counts", None)
        longer = build_neighbor_table(wanted(sets, k=20), paths)
    same(longer, whole)
    same(longer.prefix(4), first)
    other = ImageSet.from_arrays("other", np.zeros((20, 16, 16), np.uint8), [0] * 20)
    with pytest.raises(ArtifactMismatch, match="source: "):
        build_neighbor_table(wanted((sets[0], other), k=4), paths)


def test_descriptors_asked_for_later_are_complete_although_a_checkpoint_was_there(sets, tmp_path, monkeypatch):
    settings = {"batch_size": 4, "checkpoint_images": 4}
    paths = RetrievalPaths(checkpoint=tmp_path / "search.npz")
    with monkeypatch.context() as patch:
        killed_after(patch, 3)
        with pytest.raises(Killed):
            build_neighbor_table(wanted(sets), paths, **settings)
    keeping = RetrievalPaths(checkpoint=paths.checkpoint, store=tmp_path / "store")
    same(
        build_neighbor_table(wanted(sets), keeping, **settings),
        build_neighbor_table(wanted(sets), **settings),
    )
    assert len(DescriptorStore.open(keeping.store)) == 20


def test_an_image_that_cannot_be_read_ends_the_search_with_its_own_error(sets, monkeypatch):
    def broken(*_, **__):
        yield np.int32([0]), np.full((1, 480), 0.1, np.float32)
        raise InputError("image 7 is gone")

    monkeypatch.setattr(source_descriptors, "extract", broken)
    with pytest.raises(InputError, match="image 7 is gone"):
        build_neighbor_table(wanted(sets, k=5))


def test_an_approximate_table_from_descriptors_kept_on_the_way(sets, tmp_path, monkeypatch):
    paths = RetrievalPaths(store=tmp_path / "store")
    monkeypatch.setattr("sjft_tf.retrieval.approximate._SPARE", 0)  # or all of so small a source are candidates
    written = []
    real = StoreWriter.write

    def write(self, rows, counts):
        if len(written) == 2:
            raise Killed
        written.append(rows)
        real(self, rows, counts)

    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "write", write)
        with pytest.raises(Killed):
            build_approximate_table(wanted(sets, k=4), paths, candidates=2, batch_size=4)
    with monkeypatch.context() as patch:
        described = []
        real_extract = source_descriptors.extract_counts
        patch.setattr(source_descriptors, "extract_counts", lambda *a: described.append(a[4]) or real_extract(*a))
        table, report = build_approximate_table(wanted(sets, k=4), paths, candidates=2, batch_size=4)
    # The two blocks written before the end of the process are not described again.
    np.testing.assert_array_equal(described[0], np.arange(8, 20))
    exact = build_neighbor_table(wanted(sets, k=4))
    np.testing.assert_allclose(table.distances, exact.distances, rtol=1e-4)
    assert (report.recall, report.sample, report.candidates) == (1.0, 6, 8)
    assert (table.made_from["approximate"], exact.made_from["approximate"]) == (2, None)
