"""Neighbors by cosine distance against the definition in float64, whatever the blocks; what is refused."""

import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.errors import InputError
from sjft_tf.retrieval import Cosine, FeatureSource, Search, build_feature_table, nearest


def definition(target, source):
    """1 - t . s / (|t| |s|) in float64, and 1 where one of the lengths is 0."""
    target, source = np.float64(target), np.float64(source)
    lengths = np.linalg.norm(target, axis=1)[:, None] * np.linalg.norm(source, axis=1)
    return 1 - np.divide(target @ source.T, lengths, out=np.zeros_like(lengths), where=lengths > 0)


@pytest.fixture
def features(rng):
    """Features float32 [7, 12] and [1300, 12] of very different lengths, one of them zero."""
    target, source = rng.normal(0.3, 1, (7, 12)), rng.normal(0.3, 1, (1300, 12)) * rng.uniform(0.01, 90, (1300, 1))
    source[40] = 0
    return target.astype(np.float32), source.astype(np.float32)


def in_blocks(source, size):
    def blocks(rows):
        for begin in range(0, len(rows), size):
            part = rows[begin : begin + size]
            yield part, source[part]

    return blocks


@pytest.mark.parametrize("size", [1, 100, 512, 2000])
def test_the_nearest_by_definition_in_any_blocks(features, size):
    target, source = features
    table = build_feature_table(target, FeatureSource(1300, in_blocks(source, size)), 20, {"source_size": 1300})
    wanted = definition(target, source)
    np.testing.assert_array_equal(table.rows, np.argsort(wanted, axis=1)[:, :20])
    np.testing.assert_allclose(table.distances, np.sort(wanted, axis=1)[:, :20], atol=5e-7)


def test_every_distance_zero_vectors_and_angles_beyond_a_right_one(features):
    target, source = features
    everything = build_feature_table(target, FeatureSource(1300, in_blocks(source, 64)), 1300, {})
    distances = np.empty((7, 1300))
    np.put_along_axis(distances, everything.rows.astype(np.int64), everything.distances, axis=1)
    np.testing.assert_allclose(distances, definition(target, source), atol=5e-7)
    np.testing.assert_array_equal(distances[:, 40], 1)
    opposite = np.concatenate([target, -3 * target])
    table = build_feature_table(target, FeatureSource(14, in_blocks(opposite, 5)), 14, {})
    np.testing.assert_array_equal(table.rows[:, -1], np.arange(7, 14))
    np.testing.assert_allclose(table.distances[:, [0, -1]], [[0, 2]] * 7, atol=5e-7)


def test_the_lower_row_of_equal_ones_comes_first(rng):
    ways = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 600)]
    table = build_feature_table(np.eye(4, dtype=np.float32), FeatureSource(600, in_blocks(ways, 70)), 600, {})
    for line, way in zip(table.rows, np.eye(4), strict=True):
        expected = [*np.flatnonzero(ways @ way == 1), *np.flatnonzero(ways @ way == 0)]
        np.testing.assert_array_equal(line, expected)


def test_broken_off_it_goes_on_to_the_same_table(features, tmp_path):
    target, source = features
    whole = build_feature_table(target, FeatureSource(1300, in_blocks(source, 100)), 20, {})
    path, given = tmp_path / "search.npz", []

    def broken(rows):
        for block in in_blocks(source, 100)(rows):
            if block[0][0] >= 700:
                raise OSError("unplugged")
            yield block

    with pytest.raises(OSError, match="unplugged"):
        build_feature_table(target, FeatureSource(1300, broken), 20, {"a": 1}, path, checkpoint_images=300)
    with pytest.raises(ArtifactMismatch, match="a: 1 there, 2 asked for"):
        build_feature_table(target, FeatureSource(1300, in_blocks(source, 100)), 20, {"a": 2}, path)

    def rest(rows):
        given.extend(rows)
        return in_blocks(source, 100)(rows)

    again = build_feature_table(target, FeatureSource(1300, rest), 20, {"a": 1}, path)
    assert given == list(range(600, 1300))
    np.testing.assert_array_equal(again.rows, whole.rows)
    np.testing.assert_array_equal(again.distances, whole.distances)


def test_what_cannot_be_compared_is_refused(features):
    target, source = features
    for k in (0, 1301):
        with pytest.raises(InputError, match=f"`k` must be between 1 and 1300.*Received: k={k}"):
            build_feature_table(target, FeatureSource(1300, in_blocks(source, 64)), k, {})
    with pytest.raises(InputError, match=r"Source features must have 12 columns\. Received: shape=\(1300, 11\)"):
        nearest(target, [(np.arange(1300, dtype=np.int32), source[:, :11])], 3, Cosine(12))
    source[5, 3] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        build_feature_table(target, FeatureSource(1300, in_blocks(source, 64)), 3, {})
    with pytest.raises(InputError, match=r"at least \d+ MiB to be searched.*Received: --search_memory_mb=0.01"):
        Search(target, 3, Cosine(12), 0.01)
