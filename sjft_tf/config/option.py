"""How a section of the settings declares its fields: default, the text of the flag, and what it may be."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import field
from typing import TypeAlias, TypeVar

from sjft_tf.errors import InputError

LARGE = 10**9

Setting: TypeAlias = bool | int | float | str | list[str]
"""What a setting can be."""

Default = TypeVar("Default", bool, int, float, str, list[str])


def option(
    default: Default,
    text: str,
    choices: tuple[str, ...] = (),
    limits: tuple[float, float] | None = None,
    free: bool = False,
    later: bool = False,
) -> Default:
    """A dataclass field that carries the text of its flag and its limits; lists get a fresh copy per instance.

    Args:
        default: its type is the flag's.
        text: the flag's help.
        choices: what a text may be; empty for anything.
        limits: smallest and largest value of a number, both allowed.
        free: changes no result, so that it may differ from one start of a run to the next.
        later: runs had been recorded before there was this option: stamps leave it out while it has its default, so
            that such runs go on.
    """
    metadata = {"help": text, "choices": choices, "limits": limits, "free": free, "later": later}
    if isinstance(default, list):
        return field(default_factory=lambda: copy.copy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


class Section:
    """A section of the settings: a frozen dataclass whose fields are made by `option`."""

    def check_fields(self) -> None:
        """Raises InputError for the first field that is not of its type, among its choices or within its limits."""
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            _check(item, getattr(self, item.name))

    def check(self) -> None:
        """Raises InputError where fields of this section do not go together; each is known to be right by itself."""


def _check(item: dataclasses.Field[Setting], value: object) -> None:
    choices, limits = item.metadata["choices"], item.metadata["limits"]
    default = item.default if item.default is not dataclasses.MISSING else []
    # Not everything comes through flags: config.json and comparisons bring values of any type.
    allowed = (int, float) if isinstance(default, float) else type(default)
    texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    if (
        not isinstance(value, allowed)
        or (isinstance(value, bool) and not isinstance(default, bool))
        or not all(isinstance(text, str) and "\0" not in text for text in texts)
    ):
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise InputError(
            f"--{item.name} must be {kind.get(type(default), 'a list of texts')}. Received: {value!r:.200}"
        )
    if choices and value not in choices:
        raise InputError(f"--{item.name} must be one of {', '.join(choices)}. Received: {value!r}")
    if limits and isinstance(value, int | float) and not limits[0] <= value <= limits[1]:
        raise InputError(f"--{item.name} must be between {limits[0]} and {limits[1]}. Received: {value}")
