"""The benchmark of layer features runs, on a tiny problem; no time is judged."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_it_prints_the_ratio(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("layer_features_benchmark", FOLDER / "layer_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--trunk=preact_resnet", "--alpha=0", "--image_size=16", "--images=20", "--repeats=1"])
    printed = capsys.readouterr().out
    assert "16 px, 20 images; stage2_unit1_1_relu 16, stage3_unit1_1_relu 32, final_relu 64" in printed
    assert "every stage / last alone: median" in printed
    sys.modules.pop("timing", None)
