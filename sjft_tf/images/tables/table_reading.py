"""Tables and lists of image files, whoever made them: which columns they have, and their rows."""

from __future__ import annotations

import dataclasses
import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join, read_bytes
from sjft_tf.images.places.spec import Options, Spec, is_remote
from sjft_tf.images.tables.several_labels import SeveralLabels, several_labels
from sjft_tf.images.tables.split_lists import read_split_list, split_in
from sjft_tf.images.tables.table_columns import IMAGE_NAMES, LABEL_NAMES, SPLIT_NAMES, Columns, find_columns
from sjft_tf.images.tables.table_text import (
    DELIMITERS,
    decode,
    delimiter_of,
    encoding_of,
    form_of,
    plain_name,
    rows_of,
)

REPEATED = ("error", "first", "skip")


@dataclasses.dataclass(frozen=True)
class TableOptions(Options):
    """What can be said of a table.

    Attributes:
        image: the column of file names: its name, or its number from 1.
        label: that of classes; `folder` for the name of the folder that an image lies in.
        split: that of splits; also one such as is_test, of yes and no; or a file beside the table (`split_lists`).
        root: the folder that file names begin at, seen from the table's own.
        suffix: what is added to file names that do not end so.
        delimiter: one character, or its name.
        encoding: any that Python knows.
        header: whether the first row names the columns.
        repeated: an image with two classes is an error, or has the first one, or is left out.
        separator: an image may have several labels, or none: this text stands between them in the column of classes.
        classes: likewise, each class has a column of yes and no: their names, or * for all (`several_labels`).
    """

    image: str = ""
    label: str = ""
    split: str = ""
    root: str = ""
    suffix: str = ""
    delimiter: str = ""
    encoding: str = ""
    header: str = ""
    repeated: str = "error"
    separator: str = ""
    classes: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """An image: the line of the table, its path from `Table.root`, its class and split, "" where there is none.

    Where images may have several labels, `labels` are those, and `label` is "".
    """

    line: int
    path: str
    label: str
    split: str
    labels: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Table:
    """What a table lists.

    Attributes:
        location: where the table is.
        root: the folder that paths begin at.
        rows: each image of each split once, in order.
        notes: what was understood by itself, for the user; empty for a plain path,label[,split].
        unused: columns that look like a division into splits and are not read.
        several: how the labels of an image were read, where it may have several; None: each has one.
    """

    location: str
    root: str
    rows: list[Row]
    notes: list[str]
    unused: list[str]
    several: SeveralLabels | None = None

    def path(self, row: Row) -> str:
        """Where an image lies."""
        return join(self.root, row.path)

    def place(self, row: Row) -> str:
        """Where an image is listed, for messages."""
        return f"{self.location}, line {row.line}"


def read_table(spec: Spec, labeled: bool = True) -> Table:
    """Reads a table or a list of image files.

    Args:
        spec: its location and `TableOptions`.
        labeled: every row must have a class; else classes are not read.

    Raises:
        InputError: it cannot be read, has no such columns, a row is damaged, or an image has two classes.
    """
    options = spec.read_options(TableOptions)
    if options.repeated not in REPEATED:
        raise InputError(f"'{spec}': `repeated` must be one of {', '.join(REPEATED)}. Received: {options.repeated!r}")
    table, content = spec.location, _content(spec)
    root = _root(folder_of(table), options.root)
    names, rows, delimiter = _grid(spec, _text(spec, content, options.encoding), root, options)
    splits = read_split_list(table, options.split, names)
    given = (options.image, options.label, "" if splits else options.split)
    columns = find_columns(table, names, rows, given, labeled and not options.classes)
    several = several_labels(table, names, columns, options.separator, options.classes) if labeled else None
    if splits:
        told = (*columns.told, f"splits from {options.split}")
        columns = dataclasses.replace(columns, split=None, told=told, plain=False, unused=[])
    listed = _listed(table, root, rows, columns, options, splits, several)
    if not listed:
        raise InputError(f"{table} lists no images. Expected lines of path,label[,split] after the header")
    notes = _notes(delimiter, options.encoding or encoding_of(content[:1000]), options, columns)
    if again := len(rows) - len(listed):
        kept = "left out, of images listed twice" if several is None else "more, whose labels their images have too"
        notes.append(f"{again} line(s) {kept}")
    return Table(table, root, listed, notes, columns.unused, several)


def _grid(
    spec: Spec, text: str, root: str, options: TableOptions
) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """The names of the columns (numbers from 1 without a header), line number and cells of each row, the delimiter."""
    header = {"": None, "true": True, "1": True, "false": False, "0": False}.get(options.header.lower(), options.header)
    if isinstance(header, str):
        raise InputError(f"'{spec}': option 'header' must be true or false. Received: {header!r}")
    offset, text, declared = _without_declaration(text)
    known = {*IMAGE_NAMES, *LABEL_NAMES, *SPLIT_NAMES, *map(plain_name, (options.image, options.label, options.split))}
    form = form_of(text, delimiter_of(options.delimiter, str(spec)) or declared, header, known)
    try:
        rows = [(line + offset, cells) for line, cells in rows_of(text, form.delimiter)]
    except InputError as error:
        raise InputError(f"{spec.location}, {error}") from error
    has_header = form.header and not (header is None and _is_list_of_files(root, rows, options.suffix))
    if has_header:
        return (rows[0][1] if rows else []), rows[1:], form.delimiter
    return ([str(i) for i in range(1, len(rows[0][1]) + 1)] if rows else []), rows, form.delimiter


def _is_list_of_files(root: str, rows: Sequence[tuple[int, Sequence[str]]], suffix: str) -> bool:
    """Whether rows are of one cell and the first one is a file, if not named like one of images."""
    if not rows or len(rows[0][1]) != 1 or is_remote(root) or is_remote(rows[0][1][0]):
        return False
    return file_stats([join(root, rows[0][1][0] + suffix)]) != [MISSING]


def _content(spec: Spec) -> bytes:
    table = spec.location
    if not is_remote(table) and Path(table).exists() and not Path(table).is_file():
        raise InputError(f"'{spec}': {table} cannot be read (it is a folder or a device). Expected a CSV file")
    try:
        return read_bytes(table)
    except OSError as error:
        raise InputError(f"'{spec}': {table} cannot be read ({error.strerror or error})") from error


def _text(spec: Spec, content: bytes, encoding: str) -> str:
    remedy = "Say what it is, e.g. with ?encoding=latin-1, cp1252 or utf-16"
    return decode(content, f"'{spec}': {spec.location}", encoding, remedy)


def _without_declaration(text: str) -> tuple[int, str, str]:
    """Lines taken off, the text without them, and the delimiter that a spreadsheet declared in the first line."""
    first, end, rest = text.partition("\n")
    declared = first.strip("\r").lower()
    return (1, rest, declared[4]) if end and declared.startswith("sep=") and len(declared) == 5 else (0, text, "")


def _root(folder: str, root: str) -> str:
    if not root:
        return folder
    joined = join(folder, os.path.expanduser(root))  # noqa: PTH111
    return joined if is_remote(joined) else os.path.normpath(joined)


def _notes(delimiter: str, encoding: str, options: TableOptions, columns: Columns) -> list[str]:
    if columns.plain and delimiter == "," and not (options.root or options.suffix):
        return []
    where = [f"below {options.root}"] if options.root else []
    where += [f"with {options.suffix}"] if options.suffix else []
    notes = [*columns.told, *(["files " + " ".join(where)] if where else [])]
    if delimiter != ",":
        names = {character: name for name, character in DELIMITERS.items()}
        notes.append(f"delimiter {names.get(delimiter, delimiter)}")
    return notes + ([] if encoding in ("utf-8", "utf-8-sig") else [f"encoding {encoding}"])


def _listed(
    table: str,
    root: str,
    rows: Sequence[tuple[int, Sequence[str]]],
    columns: Columns,
    options: TableOptions,
    splits: Mapping[str, str],
    several: SeveralLabels | None,
) -> list[Row]:
    listed: dict[tuple[str, str], Row] = {}
    twofold: set[tuple[str, str]] = set()
    for line, cells in rows:
        if len(cells) != columns.width:
            raise InputError(f"{table}, line {line}: expected {columns.width} fields. Received: {len(cells)}")
        row = _row(table, line, cells, columns, options.suffix, several is not None)
        if several is not None:
            row = dataclasses.replace(row, label="", labels=several.of(f"{table}, line {line}", cells, row.label))
        if splits:
            row = dataclasses.replace(row, split=split_in(splits, f"{table}, line {line}", cells, row.path))
        if "\\" in row.path and not is_remote(root):
            row = _as_written_here(root, row)
        # ./a.jpg, b/../a.jpg and the absolute path are one image: as `identities_of` sees them.
        key = (os.path.normpath(join(root, row.path)), row.split)
        before = listed.setdefault(key, row)
        if before.labels != row.labels:  # a line for each label of an image is a way to write them, too
            listed[key] = dataclasses.replace(before, labels=tuple(dict.fromkeys(before.labels + row.labels)))
        if before.label != row.label:
            if options.repeated == "error":
                raise InputError(
                    f"{table}, line {line}: '{row.path}' is listed before, in line {before.line}, as "
                    f"{before.label!r}, here as {row.label!r}. Expected one class an image; ?repeated=first takes the "
                    "first, ?repeated=skip leaves such images out"
                )
            twofold.add(key)
    if options.repeated == "skip":
        for key in twofold:
            del listed[key]
    return list(listed.values())


def _as_written_here(root: str, row: Row) -> Row:
    """The row of a table from Windows, if its file is found so."""
    path = row.path.replace("\\", "/")
    literal, changed = file_stats([join(root, row.path), join(root, path)])
    return dataclasses.replace(row, path=path) if literal == MISSING != changed else row


def _row(table: str, line: int, cells: Sequence[str], columns: Columns, suffix: str, may_be_unlabeled: bool) -> Row:
    path = cells[columns.image]
    split = "" if columns.split is None else columns.split_of(cells[columns.split])
    label = "" if columns.label is None else cells[columns.label]
    shown = ",".join(cells)[:300]
    if columns.label_is_folder:
        label = posixpath.basename(posixpath.dirname(path.replace("\\", "/")))
        if not label:
            raise InputError(
                f"{table}, line {line}: {path!r} lies in no folder to take its class from. Name the column of classes "
                "with ?label=COLUMN"
            )
    needs_label = columns.label is not None and not may_be_unlabeled
    if not path or (needs_label and not label) or (columns.split is not None and not split):
        raise InputError(f"{table}, line {line}: empty field. Received: {shown!r}")
    if "\0" in path + label + split:
        raise InputError(f"{table}, line {line}: a NUL byte in a name. Received: {shown!r}")
    if suffix and not path.lower().endswith(suffix.lower()):
        path += suffix
    return Row(line, path, label, split)
