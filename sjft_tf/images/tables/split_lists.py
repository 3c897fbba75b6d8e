"""A list beside a table that says which split each of its images is of, as CUB-200's train_test_split.txt does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sjft_tf.errors import InputError
from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join, read_bytes
from sjft_tf.images.places.spec import is_remote
from sjft_tf.images.tables.table_text import decode

_OF_TRAINING = {"1": "train", "0": "test"}


def read_split_list(table: str, given: str, names: Sequence[str]) -> Mapping[str, str]:
    """The split of each image, by its number or name; empty where `given` is a column rather than a file.

    A line is a name and a split, or 1 for training and 0 for test where there is nothing else.

    Args:
        table: where the table is.
        given: what the user named as splits: a column, or a file beside the table.
        names: the columns of the table.

    Raises:
        InputError: the list cannot be read, or a line is no name and split.
    """
    path = join(folder_of(table), given)
    if not given or given in names or is_remote(path) or file_stats([path]) == [MISSING]:
        return {}
    try:
        lines = decode(read_bytes(path), path).splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from error
    splits: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        cells = re.split(r"[\s,;|]+", line.strip(), maxsplit=1)
        if len(cells) == 2 and all(cells):
            splits[cells[0]] = cells[1]
        elif line.strip():
            raise InputError(f"{path}, line {number}: expected the number or name of an image and its split")
    if set(splits.values()) <= set(_OF_TRAINING):
        return {name: _OF_TRAINING[value] for name, value in splits.items()}
    return splits


def split_in(splits: Mapping[str, str], place: str, cells: Sequence[str], path: str) -> str:
    """The split of a row, which the list has by the row's first cell or by the image's path.

    Raises:
        InputError: the list does not have it.
    """
    for name in (cells[0], path):
        if name in splits:
            return splits[name]
    raise InputError(
        f"{place}: the list of splits has neither {cells[0]!r} nor {path!r}. Expected a line for each image"
    )
