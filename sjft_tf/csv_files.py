"""CSV files: what we write is safe to open in a spreadsheet, and reads back as it was.

A spreadsheet runs a cell that begins with = + - @ (or a tab or carriage return before them). Class and file names come
from other people's files, so text that begins so gets a single quote before it, and so does text that begins with a
quote, which makes the way back unambiguous. Numbers stay as they are. `--raw_csv` writes names as they are.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from sjft_tf.errors import InputError

# The wide forms are what some spreadsheets take for the same.
_RISKY = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")  # with a sign or without, it is a value anywhere
_state = {"raw": False}


def write_raw(raw: bool) -> None:
    """Whether names are written as they are. For the whole process, set once by the program from `--raw_csv`."""
    _state["raw"] = raw


def writes_raw() -> bool:
    """Whether names are written as they are."""
    return _state["raw"]


def escape(text: str) -> str:
    """The cell for a text."""
    return f"'{text}" if text.startswith(_RISKY) and not _NUMBER.fullmatch(text) else text


def unescape(cell: str) -> str:
    """The text of a cell `escape` made; any other cell as it is."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_RISKY) else cell


class Writer:
    """Like csv.writer, with lines that end in a line feed."""

    def __init__(self, stream: IO[str]) -> None:
        self._plain = csv.writer(stream, lineterminator="\n")
        # csv leaves a carriage return unquoted when lines end otherwise, and takes it for a line's end in reading.
        self._quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def writerow(self, cells: Iterable[object]) -> None:
        row = [str(cell) if isinstance(cell, os.PathLike) else cell for cell in cells]
        if not writes_raw():
            row = [escape(str(cell)) if isinstance(cell, str) else cell for cell in row]
        returns = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (self._quoted if returns else self._plain).writerow(row)

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        for row in rows:
            self.writerow(row)


def read_rows(path: str | os.PathLike[str], columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """The lines of a CSV file that `Writer` wrote, by the names of its first line; its quotes are removed.

    Args:
        path: the file, UTF-8.
        columns: those it must have.

    Raises:
        InputError: it cannot be read, is no such table, or a line has another number of fields.
    """
    lines: list[dict[str, str]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            if len(set(header)) != len(header) or not set(columns) <= set(header) or not header:
                raise InputError(
                    f"{path} must have {_described(columns)}. Received: {', '.join(header)[:300] or 'nothing'}"
                )
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        f"{path}, line {reader.line_num}: expected {len(header)} fields. Received: {len(cells)}"
                    )
                lines.append(dict(zip(header, map(unescape, cells), strict=True)))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, csv.Error) as error:  # not UTF-8, a NUL in the path; a field too large, an open quote
        raise InputError(f"{Path(path)} is no table of CSV in UTF-8 ({error})") from error
    return lines


def _described(columns: Sequence[str]) -> str:
    if not columns:
        return "a line with the names of its columns"
    names = ", ".join(f"`{name}`" for name in columns)
    return f"the columns {names}" if len(columns) > 1 else f"a column {names}"
