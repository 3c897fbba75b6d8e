"""`csv`: a table or list of image files."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.folder import file_loader
from sjft_tf.images.places.beside import files_beside
from sjft_tf.images.places.class_names import class_name, in_class_order
from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join
from sjft_tf.images.places.spec import Spec, choose_split
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.findings import Findings
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.images.tables.table_messages import missing_files, warn_of_unused
from sjft_tf.images.tables.table_reading import Row, Table, read_table


def open_csv(spec: Spec, scan: FileScan) -> ImageSet:
    """`csv:PATH[#split][?image=COLUMN&label=COLUMN&root=DIR&suffix=.jpg&...]`: a table or list of image files.

    Columns of the usual names are found (`table_columns`), other columns are not read; what can be said of a table is
    `TableOptions`. Paths are absolute, remote (gs://, hdfs://, ...) or relative to `root`, which is the table's folder
    when not given, and may be remote as well; ids are the paths as written, `suffix` added. Labels are class names.
    """
    table = read_table(spec)
    splits = _unique(row.split for row in table.rows if row.split)
    name, rows = Path(table.location).stem, table.rows
    if spec.split or splits:
        split = choose_split(spec, splits)
        rows = [row for row in rows if row.split == split]
        name = f"{name}#{split}"
    warn_of_unused(name, table)
    rows, stats = _present(spec, table, rows, scan)
    _note(scan.found, spec, table, splits)
    paths = [table.path(row) for row in rows]
    key = f"csv:{table.location}#{spec.split}" + (f" below {table.root}" if spec.options else "")
    scanned = scan.files(paths, key, f"Checking {name}", stats)
    if not len(scanned.positions):
        raise InputError(f"'{spec}': none of its {len(rows)} images can be decoded")
    rows = [rows[i] for i in scanned.positions]
    if table.several is None:
        class_names, labels = numbered([row.label for row in rows])
    else:
        class_names, labels = several_numbered([row.labels for row in rows], table.several.columns)
    return ImageSet(
        name,
        [row.path for row in rows],
        labels,
        class_names,
        ImageContents(
            file_loader([paths[i] for i in scanned.positions], scanned.plain), scanned.digests, files=[scanned.files]
        ),
        origin=table.root,
    )


def _note(found: Findings, spec: Spec, table: Table, splits: Sequence[str]) -> None:
    """What is to be told of a table and of the folders that its images lie in."""
    lists = [table.location, join(folder_of(table.location), dict(spec.options).get("split", ""))]
    beside = files_beside(map(table.path, table.rows), lists)
    found.splits, found.understood, found.unlisted = splits, table.notes, len(beside.images)
    found.passed.count(beside.others)


def _present(spec: Spec, table: Table, rows: Sequence[Row], scan: FileScan) -> tuple[list[Row], list[tuple[int, int]]]:
    """The rows whose files are there, with their `file_stats`. Others are refused, or left out and listed."""
    stats = _stats(spec, [table.path(row) for row in rows])
    missing = [row for row, stat in zip(rows, stats, strict=True) if stat == MISSING]
    if missing and (not scan.skips or len(missing) == len(rows)):
        error = missing_files(table, missing, len(rows))
        raise error if scan.skips else InputError(f"{error}, or use --bad_images=skip to leave such images out")
    scan.report_bad([(table.path(row), f"no such file ({table.place(row)})") for row in missing], len(rows))
    there = [(row, stat) for row, stat in zip(rows, stats, strict=True) if stat != MISSING]
    return [row for row, _ in there], [stat for _, stat in there]


def _stats(spec: Spec, paths: Sequence[str]) -> list[tuple[int, int]]:
    try:
        return file_stats(paths)
    except OSError as error:  # a file system that is not there or refuses; a missing file is no error here
        raise InputError(f"'{spec}': its images cannot be reached ({error})") from error


def csv_splits(spec: Spec) -> list[str]:
    return _unique(row.split for row in read_table(spec).rows if row.split)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def numbered(values: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Class names (in `in_class_order`) and the position of each value among them."""
    values = [class_name(value) for value in values]
    names = in_class_order(values)
    position = {name: i for i, name in enumerate(names)}
    return names, np.array([position[value] for value in values], np.int32)


def several_numbered(values: Sequence[Sequence[str]], known: Iterable[str] = ()) -> tuple[list[str], np.ndarray]:
    """Class names (in `in_class_order`), and bool [N, C] which of them each image has.

    Args:
        values: the labels of each image.
        known: classes that there are, also where no image has them.

    Raises:
        InputError: there are no labels at all.
    """
    named = [[class_name(label) for label in labels] for labels in values]
    names = in_class_order([*map(class_name, known), *itertools.chain(*named)])
    if not names:
        raise InputError("None of the images has a label. Expected some that have: see separator and classes")
    position, matrix = {name: i for i, name in enumerate(names)}, np.zeros((len(values), len(names)), bool)
    for row, labels in zip(matrix, named, strict=True):
        row[[position[label] for label in labels]] = True
    return names, matrix
