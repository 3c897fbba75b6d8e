"""Object code of a kernel by numba, and its way into memory by LLVM alone."""

from __future__ import annotations

import functools
import importlib
import struct
import sys
import types
from typing import TYPE_CHECKING, Any

from sjft_tf.native.digest import constants, plain

if TYPE_CHECKING:
    from sjft_tf.native.source import KernelSource

ENTRY = "kernel"


# Whether this machine's object code is of the one kind that `needed` can read.
IS_ELF = sys.platform == "linux" and sys.maxsize > 2**32 and sys.byteorder == "little"


def compiled_here(kernel: KernelSource) -> tuple[int, Any]:
    """The address of a kernel compiled for this process alone, and what must be kept while it is called.

    Raises:
        RuntimeError: as `build`.
    """
    adapter = _compile(kernel)
    return adapter._library.get_pointer_to_function(_name(adapter)), adapter


def _compile(kernel: KernelSource) -> Any:
    numba: Any = importlib.import_module("numba")  # its types do not tell all of its options
    options = {"error_model": kernel.error_model, "fastmath": set(kernel.fastmath) or False}
    # Without the runtime whatever allocates is an error here already.
    compiled = _compiled(kernel.function, numba.njit(_nrt=False, forceinline=True, **options), {})
    namespace: dict[str, Any] = {"carray": numba.carray, "kernel": compiled}
    exec(_adapter(kernel), namespace)
    result, _, _ = kernel.signature.strip().partition("(")
    try:
        return numba.cfunc(getattr(numba.types, result)(*_types(kernel)), **options)(namespace["adapter"])
    except numba.core.errors.NumbaError as error:
        raise RuntimeError(
            f"{kernel.__name__} cannot be a kernel; it must be in numba's Python and not allocate. {error}"
        ) from error


def _name(adapter: Any) -> str:
    # The function that the C function wraps: it tells an exception, which the wrapper would print and forget.
    return str(adapter.native_name.removeprefix("cfunc."))


def build(kernel: KernelSource) -> bytes:
    """The object code: one function `kernel(result, exception, ...)`, arrays as a pointer and their extents.

    Raises:
        RuntimeError: numba cannot compile the function, or the code would need numba's runtime.
    """
    import llvmlite.binding as llvm
    from numba.core.registry import cpu_target

    config: Any = importlib.import_module("numba").config

    adapter = _compile(kernel)
    module = llvm.parse_assembly(adapter.inspect_llvm())
    if any(item.name.startswith("numba.dynamic.globals") for item in module.global_variables):
        raise RuntimeError(
            f"{kernel.__name__} cannot be a kernel: it uses an array that is not contiguous, or of more than 1 MB, "
            "which numba would refer to by its place in this process's memory"
        )
    module.get_function(_name(adapter)).name = ENTRY
    for item in (*module.functions, *module.global_variables):
        if not item.is_declaration and item.name != ENTRY:
            item.linkage = "internal"
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=int(config.OPT), reloc="static", codemodel="jitdefault", jit=True
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    code: bytes = machine.emit_object(module)
    if foreign := [name for name in needed(code) if name.lstrip("_").startswith(("NRT_", "numba_", "Py", "svml"))]:
        raise RuntimeError(
            f"{kernel.__name__} cannot be a kernel: its code needs {', '.join(foreign)}. It must not allocate and not "
            "use Python's objects"
        )
    return code


def _compiled(function: Any, jit: Any, done: dict[Any, Any]) -> Any:
    """The function as numba takes it: those that it uses are compiled too."""
    if hasattr(function, "py_func"):
        return function
    own = plain(function)
    assert own is not None
    if own not in done:
        used = {
            name: _compiled(value, jit, done) if plain(value) and not isinstance(value, type) else value
            for name, value in constants(own).items()
        }
        cells = tuple(types.CellType(used[name]) for name in own.__code__.co_freevars)
        whole = {**own.__globals__, **{name: used[name] for name in used if name not in own.__code__.co_freevars}}
        done[own] = jit(types.FunctionType(own.__code__, whole, own.__name__, own.__defaults__, cells))
    return done[own]


def _types(kernel: KernelSource) -> list[Any]:
    import numba

    found: list[Any] = []
    for parameter in kernel.parameters:
        kind = getattr(numba.types, parameter.kind)
        array = [numba.types.CPointer(kind), *[numba.types.int64] * parameter.dimensions]
        found += array if parameter.dimensions else [kind]
    return found


def _adapter(kernel: KernelSource) -> str:
    names, values = [], []
    for number, parameter in enumerate(kernel.parameters):
        extents = [f"n{number}_{axis}" for axis in range(parameter.dimensions)]
        names += [f"a{number}", *extents]
        values.append(f"carray(a{number}, ({', '.join(extents)},))" if extents else f"a{number}")
    return f"def adapter({', '.join(names)}):\n    return kernel({', '.join(values)})\n"


@functools.cache
def _prepared() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def load(code: bytes) -> tuple[int, Any] | None:
    """The address of the function, and what must be kept while it is called; None if it needs what is not there."""
    llvm = _prepared()
    if any(llvm.address_of_symbol(name) is None for name in needed(code)):
        return None  # LLVM ends the process
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine.get_function_address(ENTRY), engine


def needed(code: bytes) -> list[str]:
    """The functions that object code calls and does not hold.

    Raises:
        RuntimeError: it is not 64-bit ELF, little-endian.
    """
    if code[:6] != b"\x7fELF\x02\x01":
        raise RuntimeError("Compiled kernels need object code in 64-bit ELF: Linux on a 64-bit processor")
    (sections,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    table = [struct.unpack_from("<IIQQQQIIQQ", code, sections + size * number) for number in range(count)]
    names = []
    for _, kind, _, _, start, length, link, _, _, entry in table:
        if kind == 2:  # the symbol table; `link` is the section of its names
            for place in range(start + entry, start + length, entry):
                name, _, _, section = struct.unpack_from("<IBBH", code, place)
                if section == 0 and name:
                    first = table[link][4] + name
                    names.append(code[first : code.index(b"\0", first)].decode())
    return names
