"""One progress bar for everything that takes longer than a few seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_silent = False


def silence() -> None:
    """No bars in this process from now on: it works for another one, which shows how far all are."""
    global _silent
    _silent = True


def bar(total: int | None, description: str, unit: str = " images") -> tqdm:
    """A bar on standard error to be advanced with `update(n)`; use it as a context manager.

    It appears after two seconds, so short work stays silent, and refreshes rarely where standard error is
    not a terminal, so logs stay readable.
    """
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        delay=2.0,
        mininterval=0.5 if sys.stderr.isatty() else 15.0,
        dynamic_ncols=True,
        unit_scale=False,
        leave=True,
        disable=_silent,
    )


def track(items: Iterable[T], description: str, total: int | None = None, unit: str = " images") -> Iterator[T]:
    """Yields `items` one by one under a progress bar."""
    with bar(total if total is not None else getattr(items, "__len__", lambda: None)(), description, unit) as shown:
        for item in items:
            yield item
            shown.update(1)
