"""A digest of all that a kernel's code is made from: without importing numba."""

from __future__ import annotations

import dis
import functools
import hashlib
import importlib.metadata
import os
import platform
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sjft_tf.native.source import KernelSource

FORMAT = 1
_SETTINGS = (
    *("CPU_NAME", "CPU_FEATURES", "OPT", "ENABLE_AVX", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK"),
    *("DEBUG_INFO_DEFAULT", "DISABLE_INTEL_SVML", "DISABLE_JIT"),
)
_LIBRARIES = ("numpy", "math", "builtins")


def kernel_key(kernel: KernelSource) -> str:
    """64 hexadecimal digits.

    Raises:
        TypeError: the function uses something that cannot become a constant.
    """
    text = repr((describe(kernel.function), kernel.signature, kernel.fastmath, kernel.error_model, _surroundings()))
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _host() -> tuple[str, ...]:
    import llvmlite
    import llvmlite.binding as llvm

    numba = importlib.metadata.version("numba")
    versions = (platform.python_implementation(), platform.python_version(), numba, llvmlite.__version__)
    return (*versions, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), platform.system())


def _surroundings() -> tuple[Any, ...]:
    return (FORMAT, *_host(), *(os.environ.get(f"NUMBA_{name}") for name in _SETTINGS))


def constants(function: types.FunctionType) -> dict[str, Any]:
    """What a function uses of its closure and its module, by name; builtins aside."""
    used = {name: function.__globals__[name] for name in sorted(_globals(function.__code__) & {*function.__globals__})}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return used | {name: cell.cell_contents for name, cell in cells}


def plain(value: Any) -> types.FunctionType | None:
    """The Python function that a value is, or is made from: a kernel's or a compiled helper's; else None."""
    value = getattr(value, "py_func", getattr(value, "function", value))
    return value if isinstance(value, types.FunctionType) else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _globals(code: types.CodeType) -> set[str]:
    return {i.argval for one in _codes(code) for i in dis.get_instructions(one) if i.opname == "LOAD_GLOBAL"}


def describe(value: Any, within: tuple[Any, ...] = ()) -> Any:
    """Nested tuples of texts that are equal if the compiled code is."""
    if isinstance(value, types.ModuleType | type) and value.__name__ in _LIBRARIES:
        return "module", value.__name__
    if isinstance(value, type) and value.__module__ in _LIBRARIES:
        return "type", value.__module__, value.__qualname__
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return "array", value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, bool | int | float | str | bytes | np.number | np.bool_ | None):
        return type(value).__name__, repr(value)
    if isinstance(value, tuple):
        return "tuple", *(describe(item, within) for item in value)
    function = plain(value)
    if function is None:
        raise TypeError(f"A kernel cannot use this: {value!r}. Give it numbers, tuples, arrays and plain functions")
    if function in within:
        return "again", within.index(function)
    options = repr(sorted(getattr(value, "targetoptions", {}).items()))
    used = [(name, describe(item, (*within, function))) for name, item in constants(function).items()]
    return "function", [_code(code) for code in _codes(function.__code__)], repr(function.__defaults__), options, used


def _code(code: types.CodeType) -> Any:
    literals = [repr(item) for item in code.co_consts if not isinstance(item, types.CodeType)]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code.hex(), literals, names, code.co_flags, code.co_exceptiontable.hex()
