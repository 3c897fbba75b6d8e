"""docs/method.md is true: the files, tests and names of each of its rows exist."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def rows():
    text = (ROOT / "docs" / "method.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def missing(cell, top):
    """Files and folders the cell names that are not there; one may lie where the one before it does."""
    folder = top
    for name in re.findall(r"`([\w/*]+\.py|[\w/]+/)`", cell):
        found = [path for base in (folder, top) for path in sorted(base.glob(name.rstrip("/")))]
        if found:
            folder = found[0] if name.endswith("/") else found[0].parent
        else:
            yield name


@cache
def code():
    return "\n".join(path.read_text() for path in sorted((ROOT / "sjft_tf").rglob("*.py")))


def test_what_is_missing_is_found():
    assert list(missing("`models/trunks.py`, `joint.py`, `gone.py`; `gone/`", ROOT / "sjft_tf")) == ["gone.py", "gone/"]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_the_code_of_a_step_exists(row):
    _, modules, entries, tests = row
    assert [*missing(modules, ROOT / "sjft_tf"), *missing(tests, ROOT / "tests")] == []
    words = re.findall(r"`([\w.]+)", entries)
    assert words
    assert [word for word in words if not re.search(rf"\b{word.split('.')[-1]}\b", code())] == []
