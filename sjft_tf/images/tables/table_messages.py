"""What is said of a table's columns that are not read, and of rows whose files are missing."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from sjft_tf.errors import InputError
from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join
from sjft_tf.images.places.spec import is_remote
from sjft_tf.images.places.walking import IMAGE_EXTENSIONS
from sjft_tf.images.tables.table_reading import Row, Table

log = logging.getLogger(__name__)

_LOOKED_INTO = 50  # folders beside a table, for where its images may be


def warn_of_unused(name: str, table: Table) -> None:
    """Says which columns of the set of that name may be splits and are not read."""
    for column in table.unused:
        log.warning(
            "%s: the column %r looks like a division into splits and is not read; ?split=%s reads it",
            *(name, column, column),
        )


def missing_files(table: Table, missing: Sequence[Row], total: int) -> InputError:
    """What to say of rows without files, the first of them by its line, among so many."""
    first = missing[0]
    return InputError(
        f"{table.place(first)}: there is no file {table.path(first)} ({len(missing)} such line(s) among {total}). "
        f"{_found_elsewhere(table, first.path)}Put it there or take the line out"
    )


def _found_elsewhere(table: Table, path: str) -> str:
    """Which options would find a file that is missing, as a sentence; "" where none does or the disk is not local."""
    root = table.root
    if is_remote(root) or is_remote(path) or os.path.isabs(path):  # noqa: PTH117
        return ""
    try:
        with os.scandir(root) as entries:
            folders = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))[:_LOOKED_INTO]
    except (OSError, ValueError):  # a NUL in its name
        return ""
    endings = ("", *IMAGE_EXTENSIONS, *(extension.upper() for extension in IMAGE_EXTENSIONS))
    tried = [(join(root, folder), ending) for folder in ("", *folders) for ending in endings]
    stats = file_stats([join(folder, path + ending) for folder, ending in tried])
    found = [one for one, stat in zip(tried, stats, strict=True) if stat != MISSING]
    if not found:
        return ""
    folder, ending = found[0]
    seen = os.path.relpath(folder, folder_of(table.location))
    options = ([f"root={seen}"] if seen != "." else []) + ([f"suffix={ending}"] if ending else [])
    return f"It is found with ?{'&'.join(options)}. "
