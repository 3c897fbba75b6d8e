"""A refused report leaves the whole workdir and what lies beside it as it was, names and bytes."""

import shutil

import pytest

from sjft_tf.errors import InputError
from sjft_tf.report import write_report


def everything(root):
    """Every folder, file and what is in it below `root`."""
    return {p.relative_to(root): p.read_bytes() if p.is_file() else None for p in root.rglob("*")}


def no_round(run):
    for state in run.glob("rounds/*/state.npz"):
        state.unlink()


def cut(name):
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:-9])


@pytest.mark.parametrize("kind", ["html", "md"])
@pytest.mark.parametrize(
    ("before", "output", "told"),
    [
        (no_round, "page.{}", "There is no run with a finished round in"),
        (lambda run: shutil.rmtree(run / "rounds"), "page.{}", "There is nothing to report in"),
        (cut("config.json"), "page.{}", "config.json is damaged"),
        (cut("rounds/01/state.npz"), "page.{}", "state.npz is damaged"),
        (lambda run: None, "rounds", "a folder is there"),
        (lambda run: None, "config.json/page.{}", "config.json is no folder"),
        (lambda run: None, "config.json", "it is a file of"),
        (lambda run: None, "rounds/01/state.npz", "it is a file of"),
    ],
)
def test_a_refused_report_changes_nothing(run, tmp_path, kind, before, output, told):
    copy = tmp_path / "run"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("logs"))
    before(copy)
    there = everything(tmp_path)
    with pytest.raises(InputError, match=told):
        write_report(copy, copy / output.format(kind))
    assert everything(tmp_path) == there


def test_markdown_whose_charts_have_no_place_changes_nothing(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("logs"))
    (tmp_path / "page_charts").write_text("mine")
    there = everything(tmp_path)
    with pytest.raises(InputError, match="page_charts is no folder"):
        write_report(tmp_path / "run", tmp_path / "page.md")
    assert everything(tmp_path) == there


def test_a_refused_comparison_changes_nothing(comparison, tmp_path):
    shutil.copytree(comparison, tmp_path / "c")
    (tmp_path / "c" / "comparison.json").write_text("{}")
    there = everything(tmp_path)
    with pytest.raises(InputError):
        write_report(tmp_path / "c")
    assert everything(tmp_path) == there
