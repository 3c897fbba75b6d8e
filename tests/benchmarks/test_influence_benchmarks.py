"""The benchmarks of influence run with tiny settings and print what they promise; no figure is judged."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a benchmark by name, and gives what it printed."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(name, *arguments):
        spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main(arguments)
        return capsys.readouterr().out

    yield run
    sys.modules.pop("influence_data", None)


@pytest.mark.slow
def test_leaving_one_out(run):
    printed = run("influence_leave_one_out", "--retrainings=4", "--per_class=5", "--l2", "0", "0.1")
    assert len(re.findall(r"4 retrainings: Pearson [\d.]+, Spearman [\d.]+, slope [\d.]+", printed)) == 2
    assert "cg differs from direct by" in printed


@pytest.mark.slow
def test_flipped_labels(run):
    printed = run("influence_labels", "--per_class=5", "--seeds=2")
    assert "digits, 5 a class, 20% flipped, 2 seeds" in printed
    for name in ("everything", "cross-fit, positive", "cleanlab's choice", "without the flipped", "AUC validation"):
        assert name in printed


@pytest.mark.slow
def test_nothing_flipped(run):
    printed = run("influence_labels", "--per_class=5", "--seeds=2", "--share=0")
    assert "cross-fit, worst 10%" in printed
    assert "AUC" not in printed


def test_memory(run):
    printed = run("influence_memory", "--images=300", "--width=4", "--classes=3")
    assert re.search(r"300 images \( +0.0 MiB of features on disk\): at most +[\d.]+ MiB", printed)
