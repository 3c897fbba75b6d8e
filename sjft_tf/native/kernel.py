"""A function of arrays and numbers that is compiled, or loaded, when it is first called."""

from __future__ import annotations

import ctypes
import operator
import threading
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from sjft_tf.native import cache
from sjft_tf.native.signature import Parameter
from sjft_tf.native.source import KernelSource

_LOCK = threading.RLock()


class Kernel(KernelSource):
    """A compiled function; made by `native` and `compile_native`.

    Calls release the interpreter's lock and may come from many threads at once.
    """

    def __init__(self, function: Callable[..., Any], signature: str, fastmath: Collection[str], error_model: str):
        super().__init__(function, signature, fastmath, error_model)
        self._call: Callable[..., int] | None = None
        self._engine: object = None

    def load(self) -> Callable[..., int]:
        """Loads or compiles the code now, if that has not been done; a call does it by itself."""
        with _LOCK:
            if self._call is None:
                address, self._engine = cache.find_or_compile(self)
                pointers = (ctypes.c_void_p, ctypes.c_void_p)
                types = [kind for parameter in self.parameters for kind in parameter.ctypes]
                self._call = ctypes.CFUNCTYPE(ctypes.c_int32, *pointers, *types)(address)
            return self._call

    def __call__(self, *arguments: Any) -> Any:
        """Runs the kernel. Arrays that it writes to are the caller's to choose: read-only ones are not refused.

        Raises:
            TypeError: too many or too few arguments, or another type of array or number.
            ValueError: an array has other dimensions or is not C-contiguous, or a number does not fit.
            RuntimeError: the kernel raised an exception.
        """
        call = self._call or self.load()
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.__name__} takes {len(self.parameters)} arguments. Received: {len(arguments)}")
        values: list[Any] = []
        for number, (parameter, argument) in enumerate(zip(self.parameters, arguments, strict=True)):
            if not parameter.dimensions:
                values.append(self._number(number, parameter, argument))
                continue
            if not isinstance(argument, np.ndarray) or argument.dtype != parameter.dtype:
                kind = getattr(argument, "dtype", type(argument).__name__)
                raise TypeError(f"{self.__name__}: argument {number} must be {parameter}. Received: {kind}")
            flags = argument.flags
            if argument.ndim != parameter.dimensions or not (flags.c_contiguous and flags.aligned):
                raise ValueError(
                    f"{self.__name__}: argument {number} must be {parameter}, C-contiguous and aligned. Received: "
                    f"shape={argument.shape}, strides={argument.strides}"
                )
            values.append(argument.__array_interface__["data"][0])
            values += argument.shape
        # The result, and where a pointer to an exception would be put.
        result, exception = self.result(), ctypes.c_void_p()
        if call(ctypes.addressof(result), ctypes.addressof(exception), *values):
            raise RuntimeError(f"{self.__name__} raised an exception, which a kernel must not")
        return None if self.result is ctypes.c_void_p else result.value

    def _number(self, place: int, parameter: Parameter, argument: Any) -> Any:
        try:
            if parameter.dtype.kind == "f":
                return float(argument)
            value = operator.index(argument) if parameter.dtype.kind != "b" else bool(argument)
        except (TypeError, ValueError):
            raise TypeError(f"{self.__name__}: argument {place} must be {parameter}. Received: {argument!r}") from None
        if not parameter.low <= value <= parameter.high:
            raise ValueError(f"{self.__name__}: argument {place} must be {parameter}. Received: {value}")
        return value


def compile_native(
    function: Callable[..., Any], signature: str, fastmath: Collection[str] = (), error_model: str = "numpy"
) -> Kernel:
    """The kernel of a function, such as one that a factory made, whose closure holds constants.

    What the function uses of its closure and its module becomes part of the code: numbers, tuples, small contiguous
    arrays, and plain Python functions, which are compiled with it. The code must not allocate (no new arrays, no
    assignment of one slice to another) and must not raise. Nothing is compiled or loaded before the first call.

    Args:
        function: in the Python that numba takes.
        signature: e.g. "void(float32[:, ::1], int64)": C-contiguous arrays of 1 to 4 dimensions and numbers; a number
            or void is returned.
        fastmath: names of LLVM's flags, as numba takes them.
        error_model: numba's, "numpy" or "python".

    Raises:
        ValueError: the signature is not of this form.

    Example:

        def scaled(factor):
            def scale(values):
                for i in range(len(values)):
                    values[i] *= factor
            return compile_native(scale, "void(float64[::1])")
    """
    return Kernel(function, signature, fastmath, error_model)


def native(
    signature: str, fastmath: Collection[str] = (), error_model: str = "numpy"
) -> Callable[[Callable[..., Any]], Kernel]:
    """`compile_native` as a decorator: `@native("void(float64[:, ::1], float64[::1])")`."""
    return lambda function: compile_native(function, signature, fastmath, error_model)
