"""All that a kernel's code is made from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sjft_tf.native.signature import parse


class KernelSource:
    """A function, and how it is to be compiled; see `compile_native`.

    Attributes:
        function: the plain Python function, which does the same slowly.
        parameters: what it takes, and `result`, the ctypes type of what it returns: as the signature says.
    """

    def __init__(self, function: Callable[..., Any], signature: str, fastmath: Collection[str], error_model: str):
        self.function = function
        self.signature = signature
        self.fastmath = tuple(sorted(fastmath))
        self.error_model = error_model
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.parameters, self.result = parse(signature)
