"""Arrays of somebody's `.npz`, judged by their headers before any is read or room for it is made."""

from __future__ import annotations

import dataclasses
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sjft_tf.errors import InputError

# What zipfile, zlib and NumPy raise on damaged or foreign content.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # encrypted, unknown compression (NotImplementedError), nested too deep (RecursionError)
    TypeError,
    KeyError,
    IndexError,
    SyntaxError,
    MemoryError,
    OverflowError,
    AssertionError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_DEFLATE_RATIO = 1032  # deflate cannot shrink by more
_BOMB_BYTES, _BOMB_RATIO = 1 << 28, 200  # photographs and drawings shrink by 1 to 20, MNIST by 6


@dataclasses.dataclass(frozen=True)
class Header:
    """What a member says of its array: `stored` bytes of the file hold `size` bytes of numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    size: int
    stored: int


def array_names(path: Path) -> list[str]:
    """The names of the arrays, without reading any. Raises InputError."""
    with _opened(path) as archive:
        return _names(archive)


def read_headers(path: Path, names: Sequence[str]) -> dict[str, Header]:
    """Shape and type of the named arrays that exist, each checked against the sizes the file itself has.

    Raises:
        InputError: no `.npz`, damaged, needs pickles, or a size that cannot be.
    """
    with _opened(path) as archive:
        stored = set(_names(archive))
        return {name: _header(path, archive, name) for name in names if name in stored}


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The named arrays. `read_headers` and `check_memory` come before.

    Raises:
        InputError: damaged.
    """
    with _opened(path) as archive:
        return {name: _array(path, archive, name) for name in names}


def check_memory(path: Path, headers: dict[str, Header], needed: int) -> None:
    """Refuses arrays that do not fit, and a small file that claims to be huge.

    Args:
        path: for messages.
        headers: of the arrays that will be read.
        needed: bytes of memory for them and all that is made of them.

    Raises:
        InputError: names the sizes.
    """
    for name, header in headers.items():
        if header.size > _BOMB_BYTES and header.size > _BOMB_RATIO * header.stored:
            raise InputError(
                f"{path}: `{name}` {header.dtype} {list(header.shape)} is {_mb(header.size)} out of "
                f"{_mb(header.stored)}; no images shrink so far. Expected real images; "
                "store them with np.savez if they are"
            )
    if (free := available_memory()) is not None and needed > free:
        shapes = ", ".join(f"`{name}` {header.dtype} {list(header.shape)}" for name, header in headers.items())
        raise InputError(
            f"{path}: {shapes} need {_mb(needed)} of memory, of which {_mb(free)} are available. "
            "Store fewer, smaller or 8-bit images, or use a folder or TFRecord shards, which are not kept in memory"
        )


def available_memory() -> int | None:
    """Bytes a process can still take, of the machine and of its control group; None where that is not told."""
    limits = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        limits.append(max(0, limit - used))
    except (OSError, ValueError):  # no control group, or "max"
        pass
    if not limits and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(limits, default=None)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is a folder or a device")
        with open(path, "rb") as stream:
            single = stream.read(6) == b"\x93NUMPY"
        if not single:
            return zipfile.ZipFile(path)
    except DAMAGE as error:
        raise _damaged(path, error) from error
    raise InputError(f"{path} holds a single array. Expected an .npz with images and labels")


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in dict.fromkeys(archive.namelist()) if name.endswith(".npy")]


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> Header:
    try:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"`{name}` is compressed in a way that np.savez does not know")
        with archive.open(member) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of Python 2
            version = np.lib.format.read_magic(stream)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"`{name}` is of version {version[0]}.{version[1]} of .npy")
            read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
            before = stream.tell()
        if dtype.hasobject:
            raise ValueError(f"`{name}` holds Python objects")
        if any(side < 0 for side in shape):
            raise ValueError(f"`{name}` has the shape {list(shape)}")
        size = math.prod(shape) * dtype.itemsize  # of Python's numbers, which do not overflow
        stored = min(member.compress_size, path.stat().st_size)
        if size != member.file_size - before or member.file_size > _DEFLATE_RATIO * stored + before:
            raise ValueError(
                f"`{name}` {dtype} {list(shape)} is {size} bytes; its place holds {member.file_size - before}, "
                f"{stored} as compressed"
            )
    except DAMAGE as error:
        raise _damaged(path, error) from error
    return Header(tuple(shape), dtype, size, stored)


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    try:
        with archive.open(f"{name}.npy") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.lib.format.read_array(stream, allow_pickle=False)
            if stream.read(1):  # also has zipfile compare the checksum
                raise ValueError(f"`{name}` has more bytes than its shape says")
        return array
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> InputError:
    why = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(f"{path} cannot be read as .npz without pickles ({why}). Write it again with np.savez")


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
