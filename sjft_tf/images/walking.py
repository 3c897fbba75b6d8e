"""Image files below a folder, whatever else lies there."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterable
from pathlib import Path

from sjft_tf.errors import InputError

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")

# Made up by the system while they are listed: they lead to themselves, and their files block or never end.
_SYSTEM = ("/proc", "/sys", "/dev")


@functools.cache
def _system_devices() -> frozenset[int]:
    root = os.stat("/").st_dev  # noqa: PTH116
    return frozenset(os.stat(p).st_dev for p in _SYSTEM if os.path.exists(p)) - {root}  # noqa: PTH110, PTH116


def visible_name(path: str | os.PathLike[str]) -> str:
    """A path as text that can be printed and written, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def refuse_undecodable(path: str) -> None:
    """Refuses names that are not UTF-8, which no table, page or artifact could hold. Raises InputError."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(f"The name of {visible_name(path)} is not UTF-8. Rename it") from None


def identity(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Device and number of a folder: the same by whichever links it is reached.

    Raises:
        InputError: it cannot be looked at, is the root, or is the system's own (/proc, /sys, /dev).
    """
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError as error:
        raise unreadable(folder, error) from error
    folder_id = (status.st_dev, status.st_ino)
    root = os.stat("/")  # noqa: PTH116
    if status.st_dev in _system_devices() or folder_id == (root.st_dev, root.st_ino):
        raise InputError(
            f"{visible_name(folder)} is the whole machine, or the system's own ({', '.join(_SYSTEM)}). "
            "Expected a folder of images: name that one, and remove links that lead here"
        )
    return folder_id


def unreadable(folder: str | os.PathLike[str], error: OSError) -> InputError:
    """What to say about a folder that cannot be listed."""
    return InputError(
        f"{visible_name(folder)} cannot be listed: {error.strerror or error}. "
        "Make it readable (chmod u+rx), or move it away if it is not meant"
    )


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, links followed, hidden ones left out. Raises InputError as `identity` does."""
    identity(folder)
    try:
        with os.scandir(folder) as entries:
            # __MACOSX is what archives made on a Mac leave behind.
            paths = [e.path for e in entries if not e.name.startswith(".") and e.name != "__MACOSX" and _is_folder(e)]
    except OSError as error:
        raise unreadable(folder, error) from error
    for path in paths:
        refuse_undecodable(path)
    return sorted(map(Path, paths))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself leads nowhere, like one to what is gone
            return False
        raise unreadable(entry.path, error) from error


def image_files(folder: str | os.PathLike[str], above: Iterable[tuple[int, int]] = ()) -> list[str]:
    """Paths of the image files in a folder and below, sorted.

    Hidden files and folders and files without an image extension are passed over. Links are followed; a folder that
    several lead to is visited once, so that links that lead back up end there.

    Args:
        folder: where to begin.
        above: `identity` of folders not to be entered, whatever links to them.

    Raises:
        InputError: a folder cannot be listed or is the system's own, or a name is not UTF-8.
    """
    paths: list[str] = []
    seen = set(above)

    def refuse(error: OSError) -> None:
        raise unreadable(error.filename or folder, error) from error

    for top, folders, names in os.walk(folder, followlinks=True, onerror=refuse):
        here = identity(top)
        if here in seen:
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [f"{top}{os.sep}{n}" for n in names if n.lower().endswith(IMAGE_EXTENSIONS) and not n.startswith(".")]
    for path in paths:
        refuse_undecodable(path)
    return sorted(paths)
