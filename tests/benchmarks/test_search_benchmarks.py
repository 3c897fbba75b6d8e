"""The benchmarks of the search run and print what they promise."""

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _found_by_each_other(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def test_search(capsys):
    benchmark = runpy.run_path(str(FOLDER / "search.py"))
    sizes = ["--targets=9", "--sources=700", "--channels=3", "--bins=8", "--k=40"]
    benchmark["main"]([*sizes, "--repeats=2", "--checked=4"])
    printed = capsys.readouterr().out
    assert "9 targets x 700 sources x 24 numbers, K = 40, 2 repeats" in printed
    for name in ("search / products", "faiss / search"):
        assert re.search(rf"{name}: median [\d.]+ \([\d.]+ to [\d.]+\), of processor time", printed)
    assert float(re.search(r"FAISS finds too: ([\d.]+)%", printed).group(1)) > 99
    assert float(re.search(r"by pairs at most (\S+) from", printed).group(1)) < 1e-4


def test_retrieval(capsys):
    benchmark = runpy.run_path(str(FOLDER / "retrieval.py"))
    sets = ["--target=digits#train?per_class=2", "--source=glyphs?n=104"]
    benchmark["main"]([*sets, "--resize=16", "--crop=16", "--bins=8", "--k=20", "--repeats=1"])
    printed = capsys.readouterr().out
    assert "20 targets, 104 sources at 16/16 px, bank gabor, 8 bins, K = 20, 1 repeats" in printed
    assert re.search(r"whole / \(decoding \+ filters\): median [\d.]+", printed)


@pytest.mark.slow
def test_memory_of_a_search_does_not_grow_with_the_source(capsys):
    benchmark = runpy.run_path(str(FOLDER / "search_memory.py"))
    sizes = ["--targets=100", "--channels=12", "--bins=16", "--k=500"]
    benchmark["main"](["--sources", "4000", "64000", *sizes, "--memory_mb=64"])
    printed = capsys.readouterr().out
    # Both lists and blocks are far below the 46 MiB that the larger source's descriptors would take.
    assert 0.95 < float(re.search(r"last / first: peak ([\d.]+)", printed).group(1)) < 1.05


@pytest.mark.slow
def test_killed_searches_end_with_the_same_table(capsys, tmp_path):
    sets = ["--target=digits#train?per_class=5", "--source=glyphs?n=6000"]
    views = ["--descriptor_resize=16", "--descriptor_crop=16"]
    benchmark = runpy.run_path(str(FOLDER / "killed_search.py"))
    settings = ["--bins=16", "--k0=40", "--rounds=1", "--checkpoint_images=500"]
    benchmark["main"](["--times=2", "--", *sets, *views, *settings])
    printed = capsys.readouterr().out
    assert "2 of 2 tables identical" in printed
    assert not printed.endswith("\n0 of 2 killed, 2 of 2 tables identical\n")
