"""Approximate search: exact distances, measured recall, repeatable; against a float64 oracle."""

import json
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjft_tf.descriptors import DescriptorStore
from sjft_tf.errors import InputError
from sjft_tf.retrieval import ApproximateSettings, Layout, nearest, nearest_approximate
from sjft_tf.retrieval.candidates import CandidateIndex
from sjft_tf.retrieval.projection import fit_projection
from sjft_tf.retrieval.rerank import pair_distances

CHANNELS, POSITIONS, BINS = (6, 3), (400, 150), 10
LAYOUT = Layout(CHANNELS, BINS)


def random_counts(rng, images):
    """Counts of images that differ along a few directions, as photographs do, with empty bins here and there."""
    parts = []
    style = rng.normal(size=(images, 4))
    for channels, positions in zip(CHANNELS, POSITIONS, strict=True):
        mixing = np.random.default_rng(channels).normal(size=(4, channels * BINS))
        odds = np.exp(style @ mixing * 0.7).reshape(images, channels, BINS)
        shares = odds / odds.sum(axis=2, keepdims=True)
        parts.append(rng.multinomial(positions, shares).reshape(images, -1))
    return np.concatenate(parts, axis=1)


def make_store(path, counts):
    writer = DescriptorStore.create(path, len(counts), CHANNELS, POSITIONS, BINS, {"source": "generated"})
    writer.write(np.arange(len(counts)), counts)
    return writer.finish()


def oracle(target, source):
    """float64 [N_t, N_s]: 1/2 sum over layers of 1/N_l [KL(t||s) + KL(s||t)], 2.2e-16 inside the logarithms."""
    target, source = target.astype(np.float64)[:, None], source.astype(np.float64)[None]
    terms = (target - source) * (np.log(target + 2.2e-16) - np.log(source + 2.2e-16))
    first = CHANNELS[0] * BINS
    return (terms[..., :first].sum(-1) / CHANNELS[0] + terms[..., first:].sum(-1) / CHANNELS[1]) / 2


def oracle_nearest(distances, k):
    order = np.lexsort((np.broadcast_to(np.arange(distances.shape[1]), distances.shape), distances))[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A store of 900 source images, histograms of 40 target images, the true distances."""
    rng = np.random.default_rng(3)
    store = make_store(tmp_path_factory.mktemp("kept") / "store", random_counts(rng, 900))
    scale = np.repeat(1 / np.array(POSITIONS), np.array(CHANNELS) * BINS)
    target = (random_counts(rng, 40) * scale).astype(np.float32)
    return target, store, oracle(target, store.histograms(np.arange(900)))


@pytest.fixture(autouse=True)
def _few_spare_candidates(monkeypatch):
    # 256 more than k would be much of so small a source.
    monkeypatch.setattr("sjft_tf.retrieval.approximate._SPARE", 0)


def search(target, store, k, **settings):
    return nearest_approximate(target, store, k, LAYOUT, ApproximateSettings(**settings))


def shared(rows, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(rows.tolist(), true.tolist(), strict=True)])


@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_nearly_all_true_neighbors_are_found_with_their_exact_distances(images, index):
    target, store, true = images
    rows, distances, report = search(target, store, 60, index=index, candidates=2, sample=40)
    true_rows, true_distances = oracle_nearest(true, 60)
    assert (rows.dtype, distances.dtype) == (np.int32, np.float32)
    assert rows.shape == distances.shape == (40, 60)
    np.testing.assert_allclose(distances, np.take_along_axis(true, rows, axis=1), rtol=2e-6)
    assert all(len(set(line)) == 60 for line in rows.tolist())
    assert (np.diff(distances, axis=1) >= 0).all()
    assert shared(rows, true_rows) > (0.98 if index == "flat" else 0.9)
    assert report.recall == pytest.approx(shared(rows, true_rows), abs=1e-3)
    excess = np.mean(distances[:, -1] / true_distances[:, -1] - 1)
    assert report.excess == pytest.approx(excess, abs=1e-5)
    assert report.index == ("Flat" if index == "flat" else "IVF30,SQfp16")


def test_the_report_admits_a_bad_search(images):
    target, store, true = images
    rows, distances, report = search(target, store, 60, candidates=1, dimensions=1, sample=40)
    true_rows, true_distances = oracle_nearest(true, 60)
    assert report.recall == pytest.approx(shared(rows, true_rows), abs=1e-3)
    assert report.recall < 0.9
    assert report.excess == pytest.approx(np.mean(distances[:, -1] / true_distances[:, -1] - 1), rel=1e-3)
    assert report.excess > 0.01


def test_the_report_names_everything_and_is_json(images):
    target, store, _ = images
    _, _, report = search(target, store, 20, candidates=1.25, dimensions=7, sample=5)
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    seconds = values.pop("seconds")
    assert list(seconds) == ["fit", "index", "candidates", "rank", "measure"]
    assert all(value >= 0 for value in seconds.values())
    recall, excess = values.pop("recall"), values.pop("excess")
    assert 0 < recall <= 1
    assert excess > -1e-5
    expected = {"targets": 40, "sources": 900, "k": 20, "candidates": 25, "index": "Flat", "dimensions": 8, "sample": 5}
    assert values == expected


@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_the_same_seed_gives_the_same_table_whatever_the_memory(images, index):
    target, store, _ = images
    wanted = search(target, store, 30, index=index, seed=5)
    for memory_mb in (1024, 0):
        again = search(target, store, 30, index=index, seed=5, memory_mb=memory_mb)
        np.testing.assert_array_equal(again[0], wanted[0])
        np.testing.assert_array_equal(again[1], wanted[1])
        assert (again[2].recall, again[2].excess) == (wanted[2].recall, wanted[2].excess)


def test_where_the_candidates_are_the_whole_source_the_search_is_exact(images):
    target, store, _ = images
    for k, candidates in ((900, 1), (450, 2), (600, 1.6)):
        rows, distances, report = search(target, store, k, candidates=candidates)
        true_rows, true_distances = nearest(target, store.blocks(), k, LAYOUT)
        np.testing.assert_array_equal(rows, true_rows)
        np.testing.assert_array_equal(distances, true_distances)
        assert (report.index, report.recall, report.excess, report.candidates) == ("none", 1.0, 0.0, 900)


def test_short_lists_have_candidates_to_spare(images, monkeypatch):
    target, store, true = images
    monkeypatch.setattr("sjft_tf.retrieval.approximate._SPARE", 40)
    rows, _, report = search(target, store, 3, candidates=1)
    assert report.candidates == 43
    np.testing.assert_array_equal(rows, oracle_nearest(true, 3)[0])


def test_an_inverted_file_looks_further_where_its_cells_hold_too_few(images):
    target, store, true = images
    rows, _, _ = search(target, store, 600, candidates=1.4, index="ivf", probes=1)
    assert all(len(set(line)) == 600 for line in rows.tolist())
    assert shared(rows, oracle_nearest(true, 600)[0]) > 0.9


def test_equal_source_images_are_listed_by_row(tmp_path):
    rng = np.random.default_rng(0)
    counts = random_counts(rng, 40)[np.arange(200) % 40]
    store = make_store(tmp_path / "store", counts)
    rows, distances, _ = search(store.histograms(range(8)), store, 20, candidates=3)
    np.testing.assert_array_equal(rows[:, :5], np.arange(8)[:, None] + 40 * np.arange(5))
    np.testing.assert_array_equal(distances[:, :5], 0)
    np.testing.assert_array_equal(rows.reshape(8, 4, 5) % 40 - rows.reshape(8, 4, 5)[..., :1] % 40, 0)
    assert (np.diff(rows.reshape(8, 4, 5), axis=2) == 40).all()


@pytest.mark.parametrize("targets", [1, 2])
def test_one_target_image_is_enough(images, targets):
    target, store, true = images
    rows, _, report = nearest_approximate(target[:targets], store, 50, LAYOUT)
    np.testing.assert_array_equal(rows, oracle_nearest(true[:targets], 50)[0])
    assert (report.sample, report.recall) == (targets, 1.0)


def test_pair_distances_are_those_of_the_definition_for_any_candidates(images):
    target, store, true = images

    @given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 99))
    def check(targets, width, seed):
        rng = np.random.default_rng(seed)
        chosen = np.sort([rng.choice(900, width, replace=False) for _ in range(targets)], axis=1).astype(np.int32)
        distances = pair_distances(target[:targets], chosen, store, LAYOUT)
        np.testing.assert_allclose(distances, np.take_along_axis(true[:targets], chosen, axis=1), rtol=2e-6)

    check()


def test_columns_of_more_than_one_stretch_and_rows_of_more_than_one_block_add_up(tmp_path):
    rng = np.random.default_rng(1)
    layout, positions = Layout((30, 13), 50), (200, 90)
    parts = [
        rng.multinomial(total, np.full(50, 0.02), (600, channels)).reshape(600, -1)
        for channels, total in zip(layout.layer_channels, positions, strict=True)
    ]
    writer = DescriptorStore.create(tmp_path / "store", 600, layout.layer_channels, positions, 50, {})
    writer.write(np.arange(600), np.concatenate(parts, axis=1))
    store = writer.finish()
    target = store.histograms([3, 500, 7])
    candidates = np.sort([rng.choice(600, 300, replace=False) for _ in range(3)], axis=1).astype(np.int32)
    source = store.histograms(range(600)).astype(np.float64)
    weights = np.repeat([1 / 30, 1 / 13], [1500, 650])
    for line, row in enumerate((3, 500, 7)):
        terms = (source[row] - source) * (np.log(source[row] + 2.2e-16) - np.log(source + 2.2e-16)) * weights / 2
        distances = pair_distances(target, candidates, store, layout)[line]
        np.testing.assert_allclose(distances, terms.sum(axis=1)[candidates[line]], rtol=3e-6)


def test_the_projection_of_full_rank_is_the_divergence_up_to_a_constant_of_the_target(images):
    target, store, true = images
    source = store.histograms(np.arange(900))
    projection = fit_projection(target, lambda: iter([source[:500], source[500:]]), 200, LAYOUT)
    assert projection.dimensions <= 40
    products = projection.targets(target) @ projection.source_function()(source).T
    apart = -products / 2 - true
    np.testing.assert_allclose(apart - apart.mean(axis=1, keepdims=True), 0, atol=2e-4 * true.max())


def test_both_indexes_see_the_same_order(images):
    target, store, _ = images
    source = store.histograms(np.arange(900))
    projection = fit_projection(target, lambda: iter([source]), 20, LAYOUT)
    candidates = {}
    for kind in ("flat", "ivf"):
        index = CandidateIndex(projection, store, kind, 30, np.random.default_rng(0))
        index.add(source[:300])
        index.add(source[300:])
        candidates[kind] = index.search(target, 100)
        assert (np.diff(candidates[kind], axis=1) > 0).all()
    assert shared(candidates["ivf"], candidates["flat"]) > 0.98


def test_large_sources_get_an_inverted_file_by_themselves(images, monkeypatch):
    target, store, _ = images
    assert nearest_approximate(target, store, 9, LAYOUT)[2].index == "Flat"
    monkeypatch.setattr("sjft_tf.retrieval.candidates._FLAT_BYTES", 900 * 40)
    assert nearest_approximate(target, store, 9, LAYOUT)[2].index == f"IVF{round(math.sqrt(900))},SQfp16"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "`k` must be between 1 and 900"),
        ({"k": 901}, "`k` must be between 1 and 900"),
        ({"layout": Layout((3, 6), 10)}, "Keep the descriptors again"),
        ({"layout": Layout((6, 4), 10)}, "must have 100 columns"),
        ({"target_histograms": np.zeros((0, 90), np.float32)}, "no target images"),
    ],
)
def test_what_cannot_be_searched_is_refused(images, change, message):
    target, store, _ = images
    arguments = {"target_histograms": target, "store": store, "k": 5, "layout": LAYOUT, **change}
    with pytest.raises(InputError, match=message):
        nearest_approximate(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": 0.9}, "`candidates` must be at least 1"),
        ({"candidates": math.nan}, "`candidates` must be at least 1"),
        ({"dimensions": 0}, "`dimensions` must be at least 1"),
        ({"sample": 0}, "`sample` must be at least 1"),
        ({"index": "hnsw"}, "`index` must be one of auto, flat, ivf"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        ApproximateSettings(**change)


def test_without_faiss_the_message_says_what_to_install(images, monkeypatch):
    target, store, _ = images
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InputError, match=r"pip install 'sjft_tf\[approximate\]'"):
        nearest_approximate(target, store, 5, LAYOUT)
