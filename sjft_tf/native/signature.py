"""What a kernel takes and returns, read from the text that numba uses for it."""

from __future__ import annotations

import ctypes
import dataclasses
import re
from typing import Any

import numpy as np

_NUMBERS = {
    **{f"int{bits}": getattr(ctypes, f"c_int{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(ctypes, f"c_uint{bits}") for bits in (8, 16, 32, 64)},
    **{"float32": ctypes.c_float, "float64": ctypes.c_double, "boolean": ctypes.c_bool},
}
_PARAMETER = re.compile(r"(\w+)(\[(?::,\s*){0,3}::1\])?")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """An array or a number.

    Attributes:
        kind: numba's name of the type.
        dimensions: of the array; 0 for a number.
    """

    kind: str
    dimensions: int

    def __post_init__(self) -> None:
        dtype = np.dtype("bool" if self.kind == "boolean" else self.kind)
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        pointer = (ctypes.c_void_p, *[ctypes.c_int64] * self.dimensions)
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "low", int(limits.min) if limits else 0)
        object.__setattr__(self, "high", int(limits.max) if limits else 1)
        object.__setattr__(self, "ctypes", pointer if self.dimensions else (_NUMBERS[self.kind],))

    dtype: np.dtype = dataclasses.field(init=False)
    low: int = dataclasses.field(init=False)
    high: int = dataclasses.field(init=False)
    ctypes: tuple[Any, ...] = dataclasses.field(init=False)

    def __str__(self) -> str:
        return f"{self.kind} of {self.dimensions} dimensions" if self.dimensions else f"a number of {self.kind}"


def parse(signature: str) -> tuple[list[Parameter], Any]:
    """The parameters, and the ctypes type of the result: `c_void_p` for void.

    Raises:
        ValueError: the text is not of this form.
    """
    whole = re.fullmatch(r"(\w+)\((.*)\)", signature.strip())
    parts = re.split(r",\s*(?![^\[]*\])", whole[2]) if whole else []
    found = [_PARAMETER.fullmatch(part.strip()) for part in parts]
    if whole and (whole[1] == "void" or whole[1] in _NUMBERS) and all(m and m[1] in _NUMBERS for m in found):
        parameters = [Parameter(m[1], m[2].count(":") - 1 if m[2] else 0) for m in found if m]
        return parameters, _NUMBERS.get(whole[1], ctypes.c_void_p)
    raise ValueError(
        'A signature must be like "void(float32[:, ::1], int64)": arrays of 1 to 4 dimensions and numbers of '
        f"{', '.join(_NUMBERS)}. Received: {signature!r}"
    )
