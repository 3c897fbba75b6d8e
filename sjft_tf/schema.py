"""What an artifact must hold: names, types, shapes and ranges, written down once and checked before anything uses it.

A form describes a JSON value (also the `meta` of an `.npz`):

- a type: `int`, `float` (any finite number), `str`, `bool`, `dict`, `list`, or `object` for anything;
- a tuple of forms: one of them, with None for null;
- `[form]`: a list of such; `{"name": form, "other?": form}`: an object, "?" for what may be missing, "*" for any name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

Form: TypeAlias = "type | tuple[Form, ...] | Sequence[Form] | Mapping[str, Form] | None"

_NAMES: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


@dataclass(frozen=True)
class Array:
    """One array of an artifact.

    Attributes:
        dtype: its name, e.g. "int32"; "text", "int" and "float" for any width.
        shape: numbers, or names that stand for one number all over the artifact.
        low, high: the smallest and largest value allowed.
        infinite: whether infinite numbers are allowed; NaN never is.
        optional: whether it may be missing.
    """

    dtype: str
    shape: tuple[int | str, ...]
    low: float | None = None
    high: float | None = None
    infinite: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """What an `.npz` artifact holds.

    Attributes:
        arrays: by name.
        meta: form of the description.
        others: whether there may be further arrays, which the reader judges itself.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    meta: Mapping[str, Form] = field(default_factory=dict)
    others: bool = False

    def wrong(self, arrays: Mapping[str, np.ndarray], meta: object) -> str | None:
        """What does not fit, in words; None if all does."""
        if (reason := mismatch(meta, dict(self.meta), "its description")) is not None:
            return reason
        if not self.others and (unknown := sorted(set(arrays) - set(self.arrays))):
            return f"it holds {', '.join(map(repr, unknown))}, which does not belong there"
        sizes: dict[str, int] = {}
        for name, wanted in self.arrays.items():
            if name not in arrays:
                if not wanted.optional:
                    return f"`{name}` is missing"
            elif (reason := _array(arrays[name], wanted, sizes)) is not None:
                return f"`{name}` {reason}"
        return None


class Formed:
    """Base of a dataclass whose fields are the names of its `FORM`, the form it has as JSON."""

    FORM: ClassVar[dict[str, Any]]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """From an object of the form `FORM`."""
        return cls(**{name: value[name] for name in cls.FORM})


def mismatch(value: object, form: Form, where: str) -> str | None:
    """What of `value` is not of this form, beginning with `where`; None if all is."""
    if isinstance(form, tuple):
        reasons = [mismatch(value, one, where) for one in form]
        return None if None in reasons else reasons[0]
    if isinstance(form, Mapping):
        return _object(value, form, where)
    if isinstance(form, Sequence):
        if not isinstance(value, list):
            return f"{where} must be a list, not {short(value)}"
        each = (mismatch(one, form[0], f"{where}, place {position}") for position, one in enumerate(value))
        return next((reason for reason in each if reason is not None), None)
    if form is None or form is object:
        return None if form is object or value is None else f"{where} must be null, not {short(value)}"
    if form is float:
        good = isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)
    else:
        good = isinstance(value, form) and (form is bool or not isinstance(value, bool))
    return None if good else f"{where} must be {_NAMES[form]}, not {short(value)}"


def short(value: object) -> str:
    """A value for a message: its beginning."""
    if isinstance(value, dict | list):
        return f"{_NAMES[type(value)]} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return "a number of more than 40 digits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _object(value: object, form: Mapping[str, Form], where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where} must be an object, not {short(value)}"
    named = {name.removesuffix("?"): one for name, one in form.items() if name != "*"}
    for name, one in named.items():
        if name not in value:
            if f"{name}?" in form:
                continue
            return f"{where} lacks {name!r}"
        if (reason := mismatch(value[name], one, f"{where}: {name!r}")) is not None:
            return reason
    for name in value.keys() - named.keys() if "*" in form else ():
        if (reason := mismatch(value[name], form["*"], f"{where}: {short(name)}")) is not None:
            return reason
    return None


def _array(array: np.ndarray, wanted: Array, sizes: dict[str, int]) -> str | None:
    kinds = {"text": "U", "int": "iu", "float": "f"}
    fits = array.dtype.kind in kinds[wanted.dtype] if wanted.dtype in kinds else array.dtype == np.dtype(wanted.dtype)
    shape = tuple(sizes.get(one, one) if isinstance(one, str) else one for one in wanted.shape)
    if not fits or array.ndim != len(shape):
        return f"must be {wanted.dtype} of {len(shape)} dimensions, not {array.dtype} of shape {array.shape}"
    for name, expected, size in zip(wanted.shape, shape, array.shape, strict=True):
        if isinstance(expected, str):
            sizes[str(name)] = size
        elif expected != size:
            return f"must have shape [{', '.join(map(str, shape))}], not {list(array.shape)}"
    if array.dtype.kind == "f" and (np.isnan(array).any() or not (wanted.infinite or np.isfinite(array).all())):
        return "holds NaN or infinite numbers"
    if array.size and wanted.low is not None and array.min() < wanted.low:
        return f"must be {wanted.low:g} or more; the smallest is {array.min()}"
    if array.size and wanted.high is not None and array.max() > wanted.high:
        return f"must be {wanted.high:g} or less; the largest is {array.max()}"
    return None
