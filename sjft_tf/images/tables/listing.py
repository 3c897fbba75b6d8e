"""Image files that are named without classes, for prediction: the readers of training list them."""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.places.paths import MISSING, file_stats, join
from sjft_tf.images.places.spec import Options, Spec, choose_split, is_remote, parse
from sjft_tf.images.places.walking import PassedOver, identity, image_files, subfolders
from sjft_tf.images.tables.table_messages import missing_files
from sjft_tf.images.tables.table_reading import read_table

log = logging.getLogger(__name__)

TABLE_EXTENSIONS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class ListedFile:
    """An image file: its path, local or remote, and where it is listed ("" for nowhere), for messages."""

    path: str
    place: str = ""


def listed_files(text: str, passed: PassedOver | None = None) -> Sequence[ListedFile]:
    """The image files that a text names: of a folder or a pattern sorted, of a table or list in its order.

    Args:
        text: `folder:PATH[#split]` or `csv:PATH[#split][?options]`, a folder, a file named like `TABLE_EXTENSIONS`, any
            other file, or a pattern. Of a table whose splits are not asked for all rows count. A relative text gives
            relative paths.
        passed: takes note of what lies in folders and is passed over.

    Raises:
        InputError: see the openers of these sets; or none of a table's files is there.
    """
    if os.path.lexists(text):
        if Path(text).is_dir():
            return _below(text, (), passed)
        named_like_one = text.lower().endswith(TABLE_EXTENSIONS) and Path(text).is_file()
        return _of_table(Spec("csv", text)) if named_like_one else [ListedFile(text)]
    if text.startswith("csv:"):
        return _of_table(parse(text))
    if text.startswith("folder:"):
        return _of_folder(parse(text), passed)
    return [ListedFile(name) for name in ([text] if is_remote(text) else _matching(text, passed))]


def _of_folder(spec: Spec, passed: PassedOver | None) -> Sequence[ListedFile]:
    spec.read_options(Options)
    root = spec.path
    if not root.is_dir():
        raise InputError(f"'{spec}': there is no folder {root}")
    above = []
    if spec.split:
        above = [identity(root)]
        root /= choose_split(spec, [folder.name for folder in subfolders(root)])
    return _below(_as_given(str(root), spec.rest) or os.curdir, above, passed)


def _below(folder: str, above: Sequence[tuple[int, int]], passed: PassedOver | None) -> Sequence[ListedFile]:
    return [ListedFile(str(Path(path))) for path in image_files(folder, above, passed=passed)]


def _of_table(spec: Spec) -> Sequence[ListedFile]:
    table = read_table(spec, labeled=False)
    rows = table.rows
    if spec.split:
        split = choose_split(spec, dict.fromkeys(row.split for row in rows if row.split))
        rows = [row for row in rows if row.split == split]
    try:
        stats = file_stats([table.path(row) for row in rows])
    except OSError as error:
        raise InputError(f"'{spec}': its images cannot be reached ({error})") from error
    missing = [row for row, stat in zip(rows, stats, strict=True) if stat == MISSING]
    if len(missing) == len(rows):
        raise missing_files(table, missing, len(rows))
    if table.notes:
        log.info("%s: %s", Path(table.location).name, "; ".join(table.notes))
    root = _as_given(table.root, spec.rest)
    return [ListedFile(join(root, row.path), table.place(row)) for row in rows]


def _as_given(folder: str, given: str) -> str:
    """A folder as the path that was given leads to it: relative paths stay so. "" is the working folder."""
    if is_remote(folder) or Path(given).expanduser().is_absolute():
        return folder
    return "" if (relative := os.path.relpath(folder)) == os.curdir else relative


def _matching(pattern: str, passed: PassedOver | None) -> list[str]:
    """The files that a pattern names, and those in the folders that it names, sorted."""
    top, deep, rest = pattern.partition("**")
    if deep and (not top or top.endswith(os.sep)):
        # Not left to `glob`, which goes round and round links that lead back up.
        wanted = Path(deep + rest).parts
        folders = [name for name in (glob.glob(top) if top else ["."]) if os.path.isdir(name)]  # noqa: PTH112, PTH207
        below = [(name, os.path.relpath(name, folder)) for folder in folders for name in image_files(folder)]
        return sorted(name if top else path for name, path in below if _matches(Path(path).parts, wanted))
    found: set[str] = set()
    for name in glob.glob(pattern):  # noqa: PTH207 (absolute patterns)
        folder = os.path.dirname(name) or os.curdir  # noqa: PTH120
        # A link to the folder that holds them all leads away from what the pattern names.
        above = [] if folder == os.sep else [identity(folder)]
        found.update(image_files(name, above, passed=passed) if os.path.isdir(name) else [name])  # noqa: PTH112
    return sorted(found)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern, whose ** stands for any folders, names a file or a folder that it lies in."""
    if not pattern:
        return True
    if pattern[0] == "**":
        return any(_matches(parts[i:], pattern[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
