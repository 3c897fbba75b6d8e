"""What a class is called and where it stands among the others, whatever the labels were read from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_INTEGER = re.compile(r"-?[0-9]{1,300}")


def class_name(text: str) -> str:
    """The name of the class a label means: composed and decomposed Unicode (as macOS writes it) are one name."""
    return unicodedata.normalize("NFC", text)


def in_class_order(names: Iterable[str]) -> list[str]:
    """Class names in the order of their labels, each once: by number if all are integers, else by code points."""
    unique = sorted(set(names))
    if all(_INTEGER.fullmatch(name) for name in unique):
        unique.sort(key=int)  # stable: 01 before 1
    return unique
