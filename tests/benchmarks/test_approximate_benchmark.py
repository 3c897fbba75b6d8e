"""The approximate search benchmark runs with tiny settings and prints what it promises."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "approximate_search.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("approximate_search_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))  # for what the programs share
        spec.loader.exec_module(module)
    return module


SMALL = ["--k=9", "--candidates=2", "--dimensions=4,16", "--repeats=1"]


def recalls(text):
    return [float(line.split()[3]) for line in text.splitlines() if re.match(r" +\d+ +2 Flat", line)]


def test_generated_images_are_searched_and_compared(benchmark, capsys):
    benchmark.main(["--targets=20", "--images=300", "--channels=3", "--bins=8", *SMALL])
    text = capsys.readouterr().out
    assert "20 target x 300 source images, 24 numbers each, K = 9" in text
    assert re.search(r"exact search: median \d+\.\d\d s", text)
    assert len(recalls(text)) == 2
    assert 0.3 < recalls(text)[0] <= recalls(text)[1] == 1


def test_kept_descriptors_are_searched(benchmark, capsys, tmp_path):
    store, targets = benchmark.generate(tmp_path, 12, 200, 2, 5)
    np.testing.assert_allclose(targets.reshape(12, 2, 5).sum(axis=2), 1, rtol=1e-6)
    np.save(tmp_path / "targets.npy", targets)
    benchmark.main([f"--store={store.path}", f"--target_histograms={tmp_path / 'targets.npy'}", *SMALL])
    assert "12 target x 200 source images, 10 numbers each, K = 9" in capsys.readouterr().out


def test_a_store_without_targets_is_refused(benchmark, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["--store=x"])
    assert "belong together" in capsys.readouterr().err
