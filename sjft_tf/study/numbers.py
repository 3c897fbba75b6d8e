"""Lists of numbers as flags have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sjft_tf.errors import InputError


def numbers(values: Sequence[str], flag: str, kind: type = float) -> tuple[Any, ...]:
    """The numbers of a flag that may be repeated, hold commas, or both.

    Raises:
        InputError: something is no number.
    """
    words = [word for text in values for word in text.split(",") if word.strip()]
    try:
        return tuple(kind(word) for word in words)
    except ValueError as error:
        what = "whole numbers" if kind is int else "numbers"
        raise InputError(f"{flag} must be {what}, separated by commas. Received: {', '.join(values)}") from error
