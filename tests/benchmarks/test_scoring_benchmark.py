"""The benchmark of scoring runs, on a tiny problem; no time is judged."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_it_prints_ratios_and_the_expansion(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("scoring_benchmark", FOLDER / "scoring.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tiny = ["--trunk=preact_resnet", "--alpha=0", "--image_size=16", "--stored=16", "--images=20", "--batch_size=8"]
    module.main([*tiny, "--targets=20", "--k=16", "--sources=100", "--repeats=1"])
    printed = capsys.readouterr().out
    assert "images/s, arrays, again / bare: median" in printed
    assert "20 target images, lists of 16 among 100 source images" in printed
    sys.modules.pop("timing", None)
