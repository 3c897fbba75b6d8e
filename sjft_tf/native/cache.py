"""Object code on disk: one file a kernel, named by the digest of what it was made from."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sjft_tf.native import building
from sjft_tf.native.digest import FORMAT, kernel_key

if TYPE_CHECKING:
    from sjft_tf.native.source import KernelSource

VARIABLE = "SJFT_TF_CACHE"
_DAY = 24 * 3600.0
_KEPT = 90 * _DAY
_HEAD = f"sjft_tf kernel {FORMAT}\n".encode()


def find_or_compile(kernel: KernelSource) -> tuple[int, Any]:
    """The address of the kernel's function, and what must be kept while it is called."""
    if not building.IS_ELF:
        return building.compiled_here(kernel)
    key, place = kernel_key(kernel), folder()
    path = place / f"{kernel.__name__}-{key[:32]}.kernel" if place else None
    code = _read(path, key) if path else None
    found = building.load(code) if code else None
    if found is None:
        code = building.build(kernel)
        found = building.load(code)
        if found is None:
            raise RuntimeError(f"{kernel.__name__} needs functions that are not there: {building.needed(code)}")
        if path:
            _write(path, key, code)
    return found


def folder() -> Path | None:
    """The folder of this user's kernels, made if need be; None where there is none that can be trusted."""
    chosen = os.environ.get(VARIABLE)
    try:
        if chosen:
            place = Path(chosen).absolute() / "kernels"
        else:
            place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "sjft_tf" / "kernels"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = place.stat()
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        return None
    return place if state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else None


def _read(path: Path, key: str) -> bytes | None:
    """The object code in a file; None if it is absent, damaged or of something else."""
    try:
        content = path.read_bytes()
        if time.time() - path.stat().st_mtime > _DAY:
            os.utime(path)  # still in use
    except OSError:
        return None
    head = len(_HEAD) + 65
    code = content[head:]
    return code if content[:head] == _header(key, code) else None


def _header(key: str, code: bytes) -> bytes:
    # One digest over both, so that neither can be exchanged.
    return _HEAD + hashlib.sha256(key.encode() + code).hexdigest().encode() + b"\n"


def _write(path: Path, key: str, code: bytes) -> None:
    with contextlib.suppress(OSError):
        number, name = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(_header(key, code) + code)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _remove_old(path.parent)


def _remove_old(place: Path) -> None:
    for path in place.iterdir():
        with contextlib.suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if (path.suffix == ".kernel" and age > _KEPT) or (path.suffix == ".tmp" and age > _DAY):
                path.unlink()
