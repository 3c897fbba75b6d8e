"""How a field of the settings is declared: default, the text of its flag, and what it may be."""

from __future__ import annotations

from dataclasses import field
from typing import Any

LARGE = 10**9


def option(
    default: Any,
    text: str,
    choices: tuple[str, ...] = (),
    limits: tuple[float, float] | None = None,
    free: bool = False,
) -> Any:
    """A dataclass field that carries the text of its flag and its limits; lists get a fresh copy per instance.

    Args:
        default: its type is the flag's.
        text: the flag's help.
        choices: what a text may be; empty for anything.
        limits: smallest and largest value of a number, both allowed.
        free: changes no result, so that it may differ from one start of a run to the next.
    """
    metadata = {"help": text, "choices": choices, "limits": limits, "free": free}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)
