"""The benchmark of the joint stream runs and prints its ratio."""

import re
import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "input_pipeline.py"


@pytest.mark.parametrize("files", [[], ["--files"]], ids=["arrays", "files"])
def test_it_measures_a_small_stream(monkeypatch, capsys, files):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    sizes = ["--image_size=8", "--pad=2", "--batch_size=2", "--images=20", "--steps=1", "--repeats=1"]
    runpy.run_path(str(SCRIPT))["main"](["--trunk=preact_resnet", "--alpha=0", *sizes, *files])
    printed = capsys.readouterr().out
    assert re.search(r"stream / prepared: median [\d.]+ \([\d.]+ to [\d.]+\), of processor time", printed)
    assert re.search(r"stream alone: [\d.]+ ms of processor time an image", printed)
