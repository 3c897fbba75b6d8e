"""A run with a damaged file: the page says which and what to do, or the start is refused; never a traceback."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest

from sjft_tf import artifacts, outputs
from sjft_tf.errors import InputError
from sjft_tf.report import write_report

CORE = ("config.json", "rounds/01/state.npz")
JSONS = ("metrics.json", "classes.json", "times.json", "rounds/01/metrics.json")
TABLES = ("leaks.csv", "report.csv")
ARCHIVES = ("rounds/01/scoring.npz", "neighbors.npz")


def as_folder(path):
    path.unlink()
    path.mkdir()


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x90
    path.write_bytes(content)


DAMAGES = {
    "folder": as_folder,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "NUL": lambda path: path.write_bytes(b"\0" * 64),
    "null": lambda path: path.write_text("null"),
    "list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 200_000),
    "digits": lambda path: path.write_text('{"a": ' + "9" * 6_000 + "}"),
    "types": lambda path: path.write_text(json.dumps({"config": 1, "rounds": 2, "test": [], "fusion of rounds": "x"})),
    "other columns": lambda path: path.write_text("a,b\n1,2\n"),
    "more cells": lambda path: path.write_text(path.read_text() + "1,2,3,4,5,6,7,8,9,10,11\n"),
    "other arrays": lambda path: artifacts.save_npz(path, {"x": np.zeros(2)}, {"kind": "neighbor table"}),
}


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the run without event files, which take most of the time, and with a page."""
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("logs"))
    (tmp_path / "run" / "report.html").write_text("the page before")
    return tmp_path / "run"


def cases(files, but=()):
    return [(name, damage) for name in files for damage in DAMAGES if damage not in but]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_page_names_what_is_damaged(damage, copied, opened, caplog):
    # All files at once: a page takes longer than all of their readers.
    files = [*(TABLES if damage != "cut" else ()), *(JSONS + ARCHIVES if damage != "more cells" else ())]
    for name in files:
        DAMAGES[damage](copied / name)
    with caplog.at_level(logging.WARNING):
        page = opened(write_report(copied))
    for name in files:
        assert f"{copied / name} is damaged and was left out" in page.text
        assert str(copied / name) in caplog.text
    assert "start the training command again" in page.text


@pytest.mark.parametrize(("name", "damage"), cases(CORE, ("more cells",)))
def test_without_its_core_there_is_no_page_and_the_old_one_stays(name, damage, copied):
    if (name, damage) == ("rounds/01/state.npz", "folder"):
        pytest.skip("a round without a state is one that was not finished")
    DAMAGES[damage](copied / name)
    with pytest.raises(InputError):
        write_report(copied)
    assert (copied / "report.html").read_text() == "the page before"


@pytest.mark.parametrize("files", [JSONS, TABLES, ARCHIVES])
def test_a_flipped_bit_is_no_traceback(files, copied, opened):
    for name in files:
        flipped(copied / name)
    opened(write_report(copied))


def test_a_digit_that_was_changed_is_found(copied, opened):
    table = copied / "report.csv"
    outputs.record(table)
    assert "is damaged" not in opened(write_report(copied)).text
    content = table.read_bytes()
    table.write_bytes(content[:-20] + content[-20:].translate(bytes.maketrans(b"0123456789", b"1234567890")))
    assert table.read_bytes() != content
    assert f"{table} is damaged and was left out" in opened(write_report(copied)).text


def test_markdown_says_it_too(copied):
    (copied / "leaks.csv").write_text("a\n")
    assert "is damaged and was left out" in write_report(copied, copied / "page.md").read_text().replace("\\", "")


def test_a_damaged_event_file_is_left_out(run, opened, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    for path in (tmp_path / "run" / "logs").iterdir():
        path.write_bytes(b"\0" * 200)
    opened(write_report(tmp_path / "run"))


@pytest.mark.parametrize("damage", ["folder", "cut", "empty", "NUL", "null", "list", "types", "deep"])
def test_a_damaged_comparison_is_refused(damage, comparison, tmp_path):
    shutil.copy(comparison / "comparison.json", tmp_path)
    DAMAGES[damage](tmp_path / "comparison.json")
    with pytest.raises(InputError):
        write_report(tmp_path)


def test_a_comparison_with_a_damaged_run_says_so(comparison, opened, tmp_path):
    shutil.copytree(comparison, tmp_path / "c")
    for path in (tmp_path / "c").rglob("metrics.json"):
        path.write_text("[]")
    for path in (tmp_path / "c").rglob("state.npz"):
        path.write_bytes(b"")
    page = opened(write_report(tmp_path / "c"))
    assert "metrics.json is damaged and was left out" in page.text
    assert "state.npz is damaged" in page.text


def test_a_folder_where_the_page_should_go(copied):
    with pytest.raises(InputError, match="a folder is there"):
        write_report(copied, copied / "rounds")
