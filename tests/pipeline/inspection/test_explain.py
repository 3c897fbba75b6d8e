"""Explanations of chosen target images, against distances from the definition."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from sjft_tf.pipeline.inspection.explain import explain, order, shares
from sjft_tf.retrieval import NeighborTable


def test_an_explanation_adds_up_to_the_distances_of_the_table(world):
    config, sets, table, workdir = world
    lines = list(explain(config, sets, table, [2, 4], workdir))
    assert not [line for line in lines if "WARNING" in line]
    for row, stem in ((2, "explain-2-tulip_1.jpg"), (4, "explain-4-etc_a_b")):
        with open(workdir.root / f"{stem}.csv", newline="") as stream:
            channels = list(csv.DictReader(stream))
        assert list(channels[0]) == ["channel", "layer", "name", "nearest", "median"]
        assert [int(line["channel"]) for line in channels] == list(range(48))
        assert channels[5]["name"] == "scale 0 (2.5 px), 60°, imaginary"
        sums = [sum(float(line[name]) for line in channels) for name in ("nearest", "median")]
        # The list has nine, so the median is the fifth.
        np.testing.assert_allclose(sums, table.distances[row, [0, 4]], rtol=1e-6)
        with Image.open(workdir.root / f"{stem}.png") as picture:
            assert min(picture.size) > 900


def test_the_lines_name_the_images_and_the_filters_that_add_most(world):
    config, sets, table, workdir = world
    lines = list(explain(config, sets, table, [2], workdir))
    assert lines[0] == "  explained: tulip/1.jpg (row 2, class plain)"
    nearest, median = table.rows[2, 0], table.rows[2, 4]
    assert f"distance {table.distances[2, 0]:.5g} to {nearest:06d}" in lines[1]
    assert "rank 1 of 9" in lines[1]
    assert f"to {median:06d}" in lines[2]
    assert "rank 5 of 9" in lines[2]
    with open(workdir.root / "explain-2-tulip_1.jpg.csv", newline="") as stream:
        parts = {line["name"]: (float(line["nearest"]), float(line["median"])) for line in csv.DictReader(stream)}
    shown = {
        match[1].strip(): (float(match[2]), float(match[3]))
        for line in lines
        if (match := re.match(r" {4}(.*?) +([0-9.]+)% +([0-9.]+)%$", line))
    }
    totals = np.sum(list(parts.values()), axis=0)
    for side in (0, 1):
        for name in sorted(parts, key=lambda name: -parts[name][side])[:5]:
            assert shown[name][side] == pytest.approx(100 * parts[name][side] / totals[side], abs=0.051)
    scales = [value for name, value in shown.items() if name.startswith("all of scale")]
    np.testing.assert_allclose(np.sum(scales, axis=0), [100, 100], atol=0.21)
    assert 0 <= shown["bins empty in one of the two"][0] <= 100


def test_a_table_of_other_distances_is_warned_of(world):
    config, sets, table, workdir = world
    other = NeighborTable(table.rows, table.distances * np.float32(1.001))
    (line,) = [line for line in explain(config, sets, other, [0], workdir) if "WARNING" in line]
    sums = re.search(r"the parts add up to ([0-9.]+), but the table says ([0-9.]+)\. ", line)
    assert float(sums[1]) == pytest.approx(float(table.distances[0, 0]), rel=1e-6)
    assert float(sums[2]) == pytest.approx(float(other.distances[0, 0]), rel=1e-6)


def test_a_list_of_one_has_its_median_in_its_nearest(world):
    config, sets, table, workdir = world
    lines = list(explain(config, sets, table.prefix(1), [1], workdir))
    assert "rank 1 of 1" in lines[1]
    assert lines[1].split("distance")[1] == lines[2].split("distance")[1]


def test_a_neighbor_like_the_target_has_no_shares():
    assert shares(np.array([[0.0, 0], [1, 3]])).tolist() == [[0, 0], [0.25, 0.75]]
    assert order(np.array([[0.0, 0, 0], [1, 3, 1]])).tolist() == [1, 0, 2]
