"""Files of a run, changed at random: the report is written or refused with an InputError, and nothing else happens."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
from pathlib import Path

import pytest

from sjft_tf.errors import InputError
from sjft_tf.report import write_report

_PLACE = Path(__file__).parent.parent / "report" / "conftest.py"
ODD = (b"null", b"-1", b"1e400", b"[]", b"{}", b'""', b"NaN", b"true", b'"\\ud800"', b"9" * 30, b"0.5")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run without event files, and a small comparison; not to be changed."""
    spec = importlib.util.spec_from_file_location("report_fixtures", _PLACE)
    fixtures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fixtures)
    folder = tmp_path_factory.mktemp("made")
    specs = fixtures.make_images(folder)
    fixtures.make_run(folder / "run", specs)
    fixtures.make_comparison(folder / "comparison", specs)
    for logs in folder.rglob("logs"):
        shutil.rmtree(logs)
    return folder


def changed(content: bytes, chance: random.Random) -> bytes:
    """One to three changes: a bit, the end cut off, a piece removed or doubled, a JSON value or cell exchanged."""
    for _ in range(chance.randint(1, 3)):
        position = chance.randrange(max(1, len(content)))
        other = min(len(content), position + chance.randint(1, 40))
        kind = chance.choice(("bit", "cut", "gone", "double", "value", "value", "value"))
        values = list(re.finditer(rb'-?\d+(?:\.\d+)?|"[^"\n]*"|true|false|null', content))
        if kind == "bit" and content:
            content = (
                content[:position] + bytes([content[position] ^ 1 << chance.randrange(8)]) + content[position + 1 :]
            )
        elif kind == "cut":
            content = content[:position]
        elif kind == "gone":
            content = content[:position] + content[other:]
        elif kind == "double":
            content = content[:other] + content[position:]
        elif values:
            value = chance.choice(values)
            content = content[: value.start()] + chance.choice(ODD) + content[value.end() :]
    return content


@pytest.mark.parametrize("which", ["run", "comparison"])
def test_reports_end_well(which, made, tmp_path, request):
    folder, chance = tmp_path / which, random.Random(14)
    shutil.copytree(made / which, folder)
    # No file is of images or a page: what those hold is another fuzzer's.
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "images" not in path.parts)
    first = [folder / "comparison.json"] if which == "comparison" else []
    written = 0
    for number in range(max(1, request.config.getoption("--fuzz") // (6 if which == "run" else 12))):
        path = first[0] if first and number % 2 else chance.choice(files)
        before = path.read_bytes()
        path.write_bytes(changed(before, chance))
        page = folder / "report.html"
        page.write_text("the page before")
        try:
            write_report(folder)
            written += 1
        except InputError:
            assert page.read_text() == "the page before"
        except BaseException as error:
            error.add_note(f"mutation {number} of {path.relative_to(folder)}")
            raise
        finally:
            path.write_bytes(before)
    assert written
