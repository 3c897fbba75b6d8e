"""Files a run leaves behind: written atomically, stamped with what they were made from.

An artifact is complete or absent. Every writer goes through a temporary file in the same folder, fsync and
rename, so that a process killed at any moment leaves either the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from sjft_tf.errors import InputError

_META = "__meta__"
# What zipfile and NumPy raise on archives with a changed byte somewhere.
_DAMAGE = (
    *(AttributeError, TypeError, KeyError, ValueError, EOFError, OSError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
# A full disk, an exhausted quota, a file larger than allowed: by number, and by the words that TensorFlow and HDF5 use.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


FREE_SPACE = "Free some space and start the same command again."


class ArtifactMismatch(InputError):
    """An artifact in the working directory was made from something other than what this run asks for."""


class NoSpace(InputError):
    """Something could not be written because the disk is full, or a quota or limit is reached."""


def shortage(error: BaseException | None) -> str | None:
    """What this error, or one that led to it, says of there being no room for a file; None for other errors.

    TensorFlow (ResourceExhaustedError) and HDF5 (OSError, RuntimeError) tell it in words; running out of memory
    is also a ResourceExhaustedError, so the words decide.
    """
    while error is not None:
        for number in _FULL:
            if (isinstance(error, OSError) and error.errno == number) or os.strerror(number) in str(error):
                return os.strerror(number)
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except NoSpace:
        raise
    except Exception as error:
        if (reason := shortage(error)) is None:
            raise
        raise NoSpace(
            f"There is no room to write {target} ({reason}). The unfinished part is removed, what was there before is "
            f"kept. {FREE_SPACE}"
        ) from error


def fingerprint(*parts: Any) -> str:
    """A 16-digit hexadecimal digest of arrays, strings, bytes and JSON-able values, in order.

    Equal for equal content on every platform; arrays count with dtype and shape.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "UO":
                header, body = f"text{part.shape}", "\0".join(map(str, part.ravel().tolist())).encode()
            else:
                header, body = f"{part.dtype.str}{part.shape}", np.ascontiguousarray(part).tobytes()
        elif isinstance(part, bytes):
            header, body = "bytes", part
        else:
            header, body = "json", json.dumps(part, sort_keys=True, default=_jsonable).encode()
        digest.update(f"{header}:{len(body)}:".encode())
        digest.update(body)
    return digest.hexdigest()[:16]


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON: {value!r}")


def _sync_folder(folder: Path) -> None:
    # The rename itself must reach the disk, or a power cut brings the old folder entry back.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path`; on success it becomes `path`, on any error it is removed."""
    target = Path(path)
    with _room_for(target), _temporary_file(target, mode) as stream:
        yield stream


@contextlib.contextmanager
def _temporary_file(target: Path, mode: str) -> Iterator[IO[Any]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".sjft-tmp", dir=target.parent)
    try:
        os.fchmod(handle, 0o644)
        text = "b" not in mode
        with os.fdopen(handle, mode, encoding="utf-8" if text else None, newline="" if text else None) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
        _sync_folder(target.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; on success it replaces `path` as a whole."""
    target = Path(path)
    with _room_for(target), _temporary_folder(target) as folder:
        yield folder


@contextlib.contextmanager
def _temporary_folder(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".sjft-tmp", dir=target.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with open(Path(folder) / name, "rb") as stream:
                    os.fsync(stream.fileno())
            _sync_folder(Path(folder))
        if target.exists():
            # A folder cannot be replaced in one step; the old one is moved aside before the new one takes its name.
            aside = temporary.with_suffix(".sjft-old")
            target.replace(aside)
            temporary.replace(target)
            shutil.rmtree(aside)
        else:
            temporary.replace(target)
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_room(path: str | os.PathLike[str], size: int) -> None:
    """Asks the disk for `size` bytes at `path`, a name that is not in use, and gives them back.

    For writers that a full disk crashes: HDF5 ends the process with a segmentation fault when it cannot close a file.

    Raises:
        OSError: there is no room (ENOSPC, EDQUOT, EFBIG).
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    try:
        os.posix_fallocate(handle, 0, max(1, size))
    except OSError as error:
        if error.errno in _FULL:  # else the file system cannot tell
            raise
    finally:
        os.close(handle)
        Path(path).unlink()


def remove_directory(path: str | os.PathLike[str]) -> None:
    """Removes a folder in such a way that it is never seen with half of its files; an absent one is no error."""
    target = Path(path)
    aside = target.with_name(f".{target.name}.removed.sjft-tmp")
    with contextlib.suppress(FileNotFoundError):
        target.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(root: str | os.PathLike[str]) -> None:
    """Removes temporary files and folders below `root` that a killed process left behind.

    Only for the one process that works in `root`: another one's unfinished files look the same.
    """
    for path in sorted(Path(root).rglob(".*")):
        if path.name.endswith((".sjft-tmp", ".sjft-old")) and not path.is_symlink() and path.exists():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON (NumPy scalars and arrays, paths allowed), atomically."""
    with atomic_write(path, "w") as stream:
        json.dump(value, stream, indent=2, sort_keys=False, default=_jsonable)
        stream.write("\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file; an unreadable one raises InputError with its name and what to do."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON ({error}). Remove it to have it made again.") from error


def save_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Writes arrays and a JSON-able `meta` (what they were made from) into one `.npz`, without pickles."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"`{name}` has dtype object, which only a pickle could hold")
    stamp = np.frombuffer(json.dumps(dict(meta), default=_jsonable).encode(), np.uint8)
    with atomic_write(path) as stream:
        everything: dict[str, Any] = {_META: stamp, **{name: np.asarray(array) for name, array in arrays.items()}}
        np.savez(stream, **everything)


def load_npz(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `save_npz` wrote: `(arrays, meta)`. A foreign or damaged file raises InputError."""
    try:
        # Opened here, because np.load leaves the file open when it is no archive.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        meta = json.loads(arrays.pop(_META).tobytes().decode())
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{path} is not an artifact of sjft_tf or is damaged ({error}). Remove it to have it made again."
        ) from error
    return arrays, meta


OTHER_WORKDIR = "Choose another --workdir; what is in this one stays as it is."
_MADE_AGAIN = "Choose another --workdir, or remove the file (and what was made from it) to make it again."


def check_made_from(
    path: str | os.PathLike[str], found: Mapping[str, Any], wanted: Mapping[str, Any], advice: str = _MADE_AGAIN
) -> None:
    """Raises ArtifactMismatch naming both sides if the artifact's stamp differs from what this run asks for.

    Args:
        path: the artifact, for the message.
        found: the `made_from` mapping stored in it.
        wanted: the mapping this run would store.
        advice: what to do; nobody is to be told to remove what took hours because other images were named.
    """
    canonical = json.loads(json.dumps(dict(wanted), default=_jsonable))
    differing = sorted(k for k in {*found, *canonical} if found.get(k) != canonical.get(k))
    if differing:
        sides = "; ".join(f"{k}: {found.get(k)!r} there, {canonical.get(k)!r} asked for" for k in differing)
        raise ArtifactMismatch(f"{path} was made from other inputs ({sides}). {advice}")
