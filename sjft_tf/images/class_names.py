"""The order of class names, the same whatever lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_INTEGER = re.compile(r"-?[0-9]{1,18}")  # longer ones are digests and serial numbers, which have no order of size


def class_order(names: Iterable[str]) -> list[str]:
    """The names sorted: as integers if all are integers ("2" before "10"), else as text.

    Equal integers that are written differently ("7", "07") are ordered as text among themselves.

    >>> class_order(["10", "2", "-1"])
    ['-1', '2', '10']
    """
    ordered = sorted(names)
    if all(_INTEGER.fullmatch(name) for name in ordered):
        ordered.sort(key=int)  # stable
    return ordered
