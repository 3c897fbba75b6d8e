"""The retrieval stage: which table is found, made, gone on with or refused."""

import dataclasses

import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, load_npz, read_json
from sjft_tf.descriptors import DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.pipeline.stages.neighbors import neighbor_table
from sjft_tf.retrieval import Search
from sjft_tf.workdir import Workdir


@pytest.fixture
def asked(world):
    """The settings, with others in their place."""
    return lambda **settings: dataclasses.replace(
        world[0], retrieval=dataclasses.replace(world[0].retrieval, max_neighbors=4, **settings)
    )


def files(workdir):
    return sorted(path.name for path in workdir.root.iterdir() if not path.name.startswith("."))


def test_nothing_is_kept_but_edges_and_table(world, asked, tmp_path):
    workdir = Workdir(tmp_path)
    table = neighbor_table(asked(checkpoint_images=1), world[1], workdir)
    assert files(workdir) == ["edges.npz", "neighbors.npz", "times.json"]
    np.testing.assert_array_equal(table.rows, world[2].rows[:, :4])
    np.testing.assert_allclose(table.distances, world[2].distances[:, :4], rtol=1e-4, atol=1e-5)


def test_edges_are_kept_and_used_again(world, asked, tmp_path, monkeypatch):
    workdir = Workdir(tmp_path)
    first = neighbor_table(asked(), world[1], workdir)
    before = workdir.edges.read_bytes()
    workdir.neighbors.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("sjft_tf.pipeline.stages.neighbors.fit_target_edges", None)
        again = neighbor_table(asked(), world[1], workdir)
    np.testing.assert_array_equal(first.distances, again.distances)
    assert first.made_from == again.made_from
    with pytest.raises(ArtifactMismatch, match=r"edges\.npz.*bins: \d+ there, 12 asked for"):
        neighbor_table(asked(bins=12), world[1], workdir)
    assert workdir.edges.read_bytes() == before


def test_kept_descriptors_serve_a_longer_table_of_another_start(world, asked, tmp_path):
    workdir = Workdir(tmp_path)
    first = neighbor_table(asked(keep_descriptors=True), world[1], workdir)
    assert len(DescriptorStore.open(workdir.descriptors)) == 9
    workdir.neighbors.unlink()
    longer = dataclasses.replace(world[0], retrieval=asked(keep_descriptors=True).retrieval)
    longer = dataclasses.replace(longer, retrieval=dataclasses.replace(longer.retrieval, max_neighbors=9))
    again = neighbor_table(longer, world[1], workdir)
    assert again.k_max == 9
    np.testing.assert_array_equal(again.rows[:, :4], first.rows)
    np.testing.assert_array_equal(again.distances[:, :4], first.distances)


def test_a_checkpoint_left_beside_a_finished_table_is_removed(world, asked, tmp_path, monkeypatch):
    workdir = Workdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("sjft_tf.pipeline.stages.neighbors.RetrievalPaths.remove_checkpoint", lambda self: None)
        neighbor_table(asked(checkpoint_images=4), world[1], workdir)
    assert load_npz(workdir.search)[1]["kind"] == "search checkpoint"
    neighbor_table(asked(checkpoint_images=4), world[1], workdir)
    assert files(workdir) == ["edges.npz", "neighbors.npz", "times.json"]


def test_approximate_search_reports_and_its_table_is_not_taken_for_an_exact_one(
    world, asked, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("sjft_tf.retrieval.approximate._SPARE", 0)  # or all of so small a source are candidates
    workdir = Workdir(tmp_path)
    caplog.set_level("INFO", "sjft_tf")
    table = neighbor_table(asked(search="approximate", search_candidates=2.0), world[1], workdir)
    report = read_json(workdir.search_report)
    assert (report["recall"], report["k"], report["candidates"], report["sample"]) == (1.0, 4, 8, 5)
    assert "finds 100.00% of the 4 nearest (measured on 5 target images)" in caplog.text
    np.testing.assert_array_equal(table.rows, world[2].rows[:, :4])
    again = neighbor_table(asked(search="approximate", search_candidates=2.0), world[1], workdir)
    np.testing.assert_array_equal(again.rows, table.rows)
    with pytest.raises(ArtifactMismatch, match="approximate: 2.0 there, None asked for"):
        neighbor_table(asked(), world[1], workdir)


def test_reduced_decoding_is_another_table_and_says_what_it_changes(world, asked, tmp_path, caplog):
    workdir = Workdir(tmp_path)
    caplog.set_level("INFO", "sjft_tf")
    neighbor_table(asked(reduced_decoding=True), world[1], workdir)
    # These images are pixels in memory: nothing is decoded at all.
    assert "--reduced_decoding moves source pixels by 0.00 of 255 on average, 0 at most" in caplog.text
    with pytest.raises(ArtifactMismatch, match="decoded_for: 16 there, None asked for"):
        neighbor_table(asked(), world[1], workdir)


def test_the_memory_asked_for_reaches_the_search(world, asked, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("sjft_tf.retrieval.build.Search", lambda *a: given.append(a[3]) or Search(*a))
    neighbor_table(asked(search_memory_mb=64), world[1], Workdir(tmp_path / "enough"))
    assert given == [64]
    with pytest.raises(InputError, match=r"need at least \d+ MiB to be searched. Received: --search_memory_mb=1\."):
        neighbor_table(asked(search_memory_mb=1), world[1], Workdir(tmp_path / "little"))
