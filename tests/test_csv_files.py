"""What is written to CSV runs in no spreadsheet, reads back as it was, and no damage of a file is a traceback."""

import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sjft_tf import csv_files
from sjft_tf.csv_files import Writer, escape, read_rows, unescape
from sjft_tf.errors import InputError

RISKY = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-x",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "'",
    "''",
    "'=1",
    "''=1",
    "'a",
    "-1-1",
]
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8) | st.text("=+-@'\t\r\n,\"1", max_size=6)


@pytest.fixture
def raw():
    csv_files.write_raw(True)
    yield
    csv_files.write_raw(False)


def written(rows):
    stream = io.StringIO(newline="")
    Writer(stream).writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize("text", RISKY)
def test_risky_text_is_quoted(text):
    assert escape(text) == f"'{text}"
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", ["", "cat", "a=b", "a-b", " x", "-1", "+2.5", "-1e-05", "1.jpg", "it's"])
def test_other_text_and_numbers_stay(text):
    assert escape(text) == text == unescape(text)


@given(TEXT)
@example("'=")
def test_the_way_back(text):
    assert unescape(escape(text)) == text


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_tables_read_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(written([("a", "b"), *rows]).encode())
    assert [tuple(line.values()) for line in read_rows(path)] == rows


def test_cells_of_other_types_are_as_before():
    assert written([(-1, -0.5, None, Path("=x"), "-0.25", "a,b")]) == '-1,-0.5,,\'=x,-0.25,"a,b"\n'


def test_raw(raw):
    assert written([("=1", "'x", -1)]) == "=1,'x,-1\n"


def test_the_sources_use_no_other_writer():
    package = Path(csv_files.__file__).parent
    writers = {
        path.name
        for path in package.rglob("*.py")
        if "csv.writer" in path.read_text() or "csv.Dict" in path.read_text()
    }
    assert writers == {"csv_files.py"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have a column `a`. Received: nothing"),
        (b"b,c\n1,2\n", "must have a column `a`. Received: b, c"),
        (b"a,a\n1,2\n", "must have a column `a`"),
        (b"a,b\n1\n", "line 2: expected 2 fields. Received: 1"),
        (b"a,b\n\xff,1\n", "no table of CSV in UTF-8"),
        (b'a,b\n"x,1\n', "no table of CSV"),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", "field larger than field limit"),
    ],
)
def test_damaged_tables(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path / "t.csv", ["a"])


def test_no_table(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_rows(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        read_rows(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"no table of CSV"):
        read_rows("a\0b")
