"""What lies beside the files that a table lists or a pattern names, for the line that is told at opening."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sjft_tf.errors import InputError
from sjft_tf.images.places.spec import is_remote
from sjft_tf.images.places.walking import listing


class Beside(NamedTuple):
    """Paths of image files and of others that are not read; hidden ones left out."""

    images: list[str]
    others: list[str]


def files_beside(read: Iterable[str], also: Iterable[str] = ()) -> Beside:
    """The other files of the folders that files lie in.

    Folders are listed without those inside them. Remote ones, and those that cannot be listed, have nothing to tell.

    Args:
        read: the files that are read.
        also: further ones, whose folders are not looked into.
    """
    written: dict[str, set[str]] = defaultdict(set)
    for path in read:
        folder, _, name = path.rpartition(os.sep)
        written[folder].add(name)
    known: dict[str, set[str]] = defaultdict(set)
    for folder, names in written.items():  # of which there are fewer than files
        if not is_remote(folder):
            known[os.path.normpath(folder or os.curdir)] |= names
    for path in also:
        folder, _, name = path.rpartition(os.sep)
        known.get(os.path.normpath(folder or os.curdir), set()).add(name)
    found = Beside([], [])
    for folder, names in known.items():
        with contextlib.suppress(InputError):
            there = listing(folder, os.path.realpath(folder))
            for kind, paths in zip(found, (there.images, there.others), strict=True):
                kind.extend(path for path in paths if os.path.basename(path) not in names)  # noqa: PTH119
    return found
