"""The text of a table that somebody else wrote: its encoding, its delimiter, whether it begins with a header."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sjft_tf.errors import InputError
from sjft_tf.images.places.walking import image_extensions

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}
_SAMPLE = 1 << 16  # characters from which the delimiter is told
_SAMPLE_ROWS = 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# "1 001.Albatross/x.jpg" and "abbey/x.jpg 0"; what has more blanks is a name with blanks in it.
_SPACED = re.compile(r"[0-9]+ +[^ ]+|[^ ]+ +[0-9]+")


def decode(content: bytes, what: str, encoding: str = "", remedy: str = "Save it as UTF-8") -> str:
    """The text of a file.

    Args:
        content: its bytes.
        what: the file, for messages.
        encoding: any that Python knows; "" for what a byte order mark says (UTF-8, 16, 32), UTF-16 without one where
            every other byte is zero, and else UTF-8.
        remedy: what to do where it is not UTF-8.

    Raises:
        InputError: there is no such encoding, or the bytes are not of it.
    """
    try:
        if encoding:
            return content.decode(codecs.lookup(encoding).name).removeprefix("\ufeff")
        return content.decode(encoding_of(content))
    except LookupError as error:
        raise InputError(
            f"{what}: there is no encoding {encoding!r}. Expected one such as utf-8, utf-16, latin-1, cp1252, shift_jis"
        ) from error
    except ValueError as error:
        if encoding:
            raise InputError(f"{what} is not text in {encoding} ({error})") from error
        raise InputError(f"{what} is not UTF-8 text ({error}). {remedy}") from error


def encoding_of(content: bytes) -> str:
    """What `decode` takes a file for: utf-8, utf-8-sig, or one of utf-16 and utf-32."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    sample = content[:1000]
    for start, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = sample[start::2]
        if len(half) > 3 and half.count(0) > 0.8 * len(half) and sample.count(0) == half.count(0):
            return name
    return "utf-8"


def delimiter_of(given: str, what: str) -> str:
    """The delimiter that an option names by its name or by itself; "" for none given. Raises InputError."""
    if given in DELIMITERS or len(given) == 1 or not given:
        delimiter = DELIMITERS.get(given, given)
        if delimiter not in ('"', "\n", "\r", "\0"):
            return delimiter
    if given == "\\t":
        return "\t"
    raise InputError(f"'{what}': `delimiter` must be one character or {', '.join(DELIMITERS)}. Received: {given!r}")


def rows_of(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line number (of the row's last line, from 1) and the stripped cells of each row that has any.

    Raises:
        InputError: what is no row of CSV, with its line.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=delimiter == " "
    )
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(f"line {reader.line_num}: not a row of CSV ({error})") from error


@dataclass(frozen=True)
class Form:
    """How a text is read.

    Attributes:
        delimiter: one character.
        header: whether the first row names the columns.
    """

    delimiter: str
    header: bool


def form_of(text: str, delimiter: str, header: bool | None, known: Collection[str]) -> Form:
    """How a text is to be read, as far as that is not given.

    A first row with the name of an image file in it is no header. With a header, the delimiter is the one that makes
    most columns of known names, or else most columns; without one, the one that makes columns of the same number in all
    of the first rows, one of them of image files.

    Args:
        text: the table.
        delimiter: the one given, or "".
        header: whether there is one, or None.
        known: `plain_name`s of columns.
    """
    sample = text if len(text) <= _SAMPLE else text[:_SAMPLE].rpartition("\n")[0]
    candidates = [delimiter] if delimiter else [",", ";", "\t", "|"]
    first = {one: [cell for row in _first_rows(sample, one, 1) for cell in row] for one in candidates}
    if header is None:
        words = sample.lstrip().partition("\n")[0].split()
        header = not any(map(is_image_name, [*words, *itertools.chain.from_iterable(first.values())]))
    if header:
        return Form(
            max(candidates, key=lambda one: (len(set(map(plain_name, first[one])) & set(known)), len(first[one]))), True
        )
    lines = [line.strip() for line in sample.splitlines() if line.strip()][:_SAMPLE_ROWS]
    if not delimiter and lines and all(map(_SPACED.fullmatch, lines)):
        return Form(" ", False)
    return Form(max(candidates, key=lambda one: _width(_first_rows(sample, one, _SAMPLE_ROWS))), False)


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Columns of rows that are a list of images; 0 if they are none."""
    regular = len({len(row) for row in rows}) == 1
    return len(rows[0]) if regular and image_column(rows) is not None else 0


def _first_rows(sample: str, delimiter: str, count: int) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for _, cells in rows_of(sample, delimiter):
            rows.append(cells)
            if len(rows) == count:
                break
    except InputError:
        pass  # cut off in the middle; or damaged, which reading the whole says with its line
    return rows


def image_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The first column whose cells are all named like image files; None if there is none."""
    width = min(len(row) for row in rows)
    return next((c for c in range(width) if all(is_image_name(row[c]) for row in rows)), None)


def is_image_name(cell: str) -> bool:
    """Whether a cell is named like an image file."""
    return cell.lower().endswith(image_extensions())


def plain_name(name: str) -> str:
    """A column's name in small letters and digits alone: "File Name", "file_name" and "fileName" are one."""
    return "".join(filter(str.isalnum, name.lower()))
