"""Files of a run that are damaged: the page is written without them, and says so."""

from __future__ import annotations

import csv
import logging
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sjft_tf.errors import InputError

log = logging.getLogger(__name__)
Value = TypeVar("Value")

DAMAGE = (
    InputError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RecursionError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file raises, and making something of it, whose bytes or values are not those that were written."""

_ADVICE = "Restore it from a copy, or remove it and start the training command again, which makes anew what it can."
_LONGEST = 300  # characters of an error, which may quote the damaged file


class Damages:
    """What could not be read of one run or comparison, as sentences for the page; each is logged as a warning too."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def read(self, path: Path, read: Callable[[Path], Value], default: Value) -> Value:
        """`read(path)`; `default` where there is no such file, or with a note where it is not what it should be."""
        if not os.path.lexists(path):
            return default
        try:
            return read(path)
        except DAMAGE as error:
            self.note(f"{path} is damaged and was left out: {_said(error)}. {_ADVICE}")
            return default

    def part(self, what: str, make: Callable[[], Value], default: Value) -> Value:
        """`make()`; `default` and a note where files, each readable, do not fit together."""
        try:
            return make()
        except DAMAGE as error:
            self.note(
                f"{what} cannot be shown: the files of the run contradict each other or hold values that cannot be "
                f"({_said(error)}). Restore them from a copy, or train again in a new --workdir."
            )
            return default

    def note(self, sentence: str) -> None:
        """Adds a sentence, once."""
        if sentence not in self.notes:
            log.warning("%s", sentence)
            self.notes.append(sentence)


def core(path: Path, read: Callable[[Path], Value]) -> Value:
    """`read(path)` of a file without which there is no page.

    Raises:
        InputError: it is not there, or damaged.
    """
    try:
        return read(path)
    except DAMAGE as error:
        raise InputError(
            f"{path} is damaged, and nothing can be reported without it: {_said(error)}. Restore it from a copy."
        ) from error


def _said(error: BaseException) -> str:
    words = " ".join(str(error).split()).rstrip(".") or "nothing is known of why"
    return (words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…") + (
        "" if isinstance(error, InputError) else f" ({type(error).__name__})"
    )
