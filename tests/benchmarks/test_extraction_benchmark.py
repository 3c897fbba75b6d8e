"""The extraction benchmark runs and prints its ratios."""

import re
import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "extraction.py"
RATIOS = ("histogramming / filters", "graph / histogramming", "whole / (decoding + filters)")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize("bank", ["alexnet-random", "gabor", "squeezenet_conv1-random"])
def test_it_measures_images_of_its_own(benchmark, capsys, bank):
    sizes = ["--resize=50", "--crop=40", "--number=3", "--side=60"]
    benchmark["main"]([f"--bank={bank}", "--bins=5", "--repeats=2", *sizes])
    printed = capsys.readouterr().out
    assert f"bank {bank}, 3 images at 50/40 px, 5 bins, 2 repeats" in printed
    convolutions = ["histogramming / convolutions"] * (bank == "alexnet-random")
    for name in [*RATIOS, *convolutions]:
        median, least, most = map(
            float, re.search(re.escape(name) + r": median ([\d.]+) \(([\d.]+) to ([\d.]+)\)", printed).groups()
        )
        assert 0 <= least <= median <= most


def test_it_measures_a_set_of_images_no_larger_than_it_is(benchmark, capsys, tmp_path):
    spec = benchmark["write_images"](tmp_path, 2, 20)
    benchmark["main"]([f"--images={spec}", "--bank=gabor", "--resize=16", "--crop=16", "--bins=5", "--repeats=1"])
    assert "2 images at 16/16 px, 5 bins, 1 repeats" in capsys.readouterr().out
