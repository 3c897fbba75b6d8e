"""The arithmetic of scale.py, and its drawing; nothing is measured."""

import argparse
import importlib.util
import math
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "scale.py"
spec = importlib.util.spec_from_file_location("scale_benchmark", PATH)
scale = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scale)


def points(exponent=1.0):
    """Of seconds that grow with this power of either size, and of memory that stays."""
    given = argparse.Namespace(sources=[10_000, 40_000, 400_000], targets=[100, 1000], described=[1000, 2000])
    return [
        {
            **{"stage": stage, "varies": varies, "sources": sources, "targets": targets},
            **{"seconds": {"sources": sources, "targets": targets}[varies] ** exponent / 1000, "mib": 50.0},
        }
        for stage, varies, sources, targets in scale.sizes(given)
    ]


def test_one_size_varies_at_a_time():
    found = scale.lines(points())
    assert {(point["sources"], point["targets"]) for point in found["search", "targets"]} == {
        (40_000, 100),
        (40_000, 1000),
    }
    assert [point["sources"] for point in found["search", "sources"]] == [10_000, 40_000, 400_000]
    assert {point["targets"] for point in found["search", "sources"]} == {1000}
    assert ("describing", "targets") not in found


def test_slopes():
    assert scale.slope([1, 2, 4], [5, 20, 80]) == pytest.approx(2)
    assert math.isnan(scale.slope([1], [5]))
    assert math.isnan(scale.slope([1, 2], [0, 5]))


def test_the_whole_of_imagenet_is_printed_with_its_arithmetic():
    printed = scale.report(points(), cores=2)
    assert "search over sources, 10,000 to 400,000: slope of seconds 1.00, of memory above start 0.00" in printed
    assert (
        "search: 400,000 x 1,000 target images took 400.00 s; x 1,280,000 / 400,000 = 1,280.0 s on 2 cores; "
        "x 2 / 64 = 40.0 s on 64, if all of it were divided"
    ) in printed
    assert "describing: 2,000 took 2.00 s; x 1,280,000 / 2,000 = 1,280.0 s on 2 cores" in printed


def test_it_is_drawn(tmp_path):
    scale.draw(points(1.5), tmp_path / "scale.svg")
    text = (tmp_path / "scale.svg").read_text()
    assert text.count("search, slope 1.50") == 2
    assert "target images" in text
