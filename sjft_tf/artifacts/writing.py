"""Files and folders that are complete or absent: a temporary one in the same folder, fsync, rename.

A process killed at any moment leaves either the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sjft_tf.errors import InputError

# A full disk, an exhausted quota, a file larger than allowed: by number, and by the words that TensorFlow and HDF5 use.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# A place that may not be written to, or that a link leads away from.
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP)

_THEN = "Then start the same command again."
FREE_SPACE = "Free some space and start the same command again."


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


def refusal(error: BaseException | None) -> str | None:
    """What the system says of a place that may not be used (rights, a read-only file system, a link); else None.

    TensorFlow (any OpError) and HDF5 (OSError, RuntimeError) tell it, and the place, in words. Other errors are bugs,
    whatever they say.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSED and error.filename:
            return f"{os.strerror(error.errno)}: {error.filename}"
        if isinstance(error, (OSError, RuntimeError)) or hasattr(error, "error_code"):
            number = error.errno if isinstance(error, OSError) else None
            for one in _REFUSED:
                said = os.strerror(one)
                if number == one or said in str(error):
                    path = re.search(rf"name = '([^']+)'|(?:^|\s)(/[^;]*); {re.escape(said)}", str(error))
                    return f"{said}: {path[1] or path[2]}" if path else said
        error = error.__cause__
    return None


@contextlib.contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if (denied := refusal(error)) is not None:
            raise InputError(
                f"{target} cannot be written ({denied}). What was there before is kept. Make its folder one that you "
                "may write to, and start the same command again."
            ) from error
        if (reason := shortage(error)) is None:
            raise
        raise NoSpace(
            f"There is no room to write {target} ({reason}). The unfinished part is removed, what was there before is "
            f"kept. {FREE_SPACE}"
        ) from error


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
    if target.is_dir() and not target.is_symlink():
        raise InputError(f"{target} is a folder, and a file is to be written there. Move it elsewhere. {_THEN}")
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
    if target.exists() and not target.is_dir() and not target.is_symlink():
        raise InputError(f"{target} is a file, and a folder is to be written there. Move it elsewhere. {_THEN}")
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
        if target.is_symlink():
            target.unlink()  # the link goes, what it leads to is not ours
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


def remove_leftovers(root: str | os.PathLike[str], folders: Sequence[str] = ()) -> None:
    """Removes temporary files and folders that a killed process left behind; links are not followed, and stay.

    Only for the one process that works in `root`: another one's unfinished files look the same.

    Args:
        root: only what lies directly in it is looked at.
        folders: names of folders in it that are searched through.
    """
    _remove_leftovers_in(Path(root))
    for name in folders:
        folder = Path(root) / name
        if not folder.is_symlink():
            for place, _, _ in os.walk(folder):
                _remove_leftovers_in(Path(place))


def _remove_leftovers_in(folder: Path) -> None:
    for path in sorted(folder.glob(".*")):
        if path.name.endswith((".sjft-tmp", ".sjft-old")) and not path.is_symlink():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
