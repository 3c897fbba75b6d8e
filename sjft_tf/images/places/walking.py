"""Image files below a folder, whatever else lies there."""

from __future__ import annotations

import errno
import functools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.decoding.formats import opened_formats
from sjft_tf.owned_folder import MARKER

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_OF_PLUGINS = {".heic": "HEIF", ".heif": "HEIF", ".avif": "AVIF"}

# Made up by the system while they are listed: they lead to themselves, and their files block or never end.
_SYSTEM = ("/proc", "/sys", "/dev")


@functools.cache
def _system_devices() -> frozenset[int]:
    root = os.stat("/").st_dev  # noqa: PTH116
    return frozenset(os.stat(p).st_dev for p in _SYSTEM if os.path.exists(p)) - {root}  # noqa: PTH110, PTH116


def visible_name(path: str | os.PathLike[str]) -> str:
    """A path as text that can be printed and written, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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


@functools.cache
def image_extensions() -> tuple[str, ...]:
    """How image files are named: `IMAGE_EXTENSIONS`, and those that this installation opens beside them."""
    opened = opened_formats()
    return IMAGE_EXTENSIONS + tuple(extension for extension, name in _OF_PLUGINS.items() if name in opened)


def is_image_name(name: str) -> bool:
    """Whether a file is named like an image, and not hidden."""
    return name.lower().endswith(image_extensions()) and not name.startswith(".")


@dataclass
class PassedOver:
    """What lies among the images and is not read.

    Attributes:
        kinds: how many files of each extension, "" for files without; hidden files do not count.
        loose: image files that lie outside the folders of classes.
        links: folders that are links to where the set itself lies, above it or inside it.
        workdirs: folders that programs of this package work in.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    loose: int = 0
    links: list[str] = field(default_factory=list)
    workdirs: list[str] = field(default_factory=list)

    def count(self, names: Iterable[str]) -> None:
        """Takes note of files that are no images."""
        self.kinds.update(os.path.splitext(name)[1].lower() for name in names)  # noqa: PTH122 (of many files)

    def add(self, other: PassedOver) -> None:
        """Takes what another one has noted."""
        self.kinds += other.kinds
        self.loose += other.loose
        self.links += other.links
        self.workdirs += other.workdirs


@dataclass(frozen=True)
class Listing:
    """What lies directly in a folder: folders to enter, image files and other files, sorted, hidden ones left out."""

    folders: list[str]
    images: list[str]
    others: list[str]


def listing(folder: str | os.PathLike[str], root: str, passed: PassedOver | None = None) -> Listing:
    """Lists one folder.

    Args:
        folder: to be listed.
        root: where the whole set lies, as `os.path.realpath` has it: links to folders there are not entered.
        passed: takes note of folders that are not entered.

    Raises:
        InputError: it cannot be listed, or is the system's own.
    """
    found, passed = Listing([], [], []), PassedOver() if passed is None else passed
    try:
        with os.scandir(folder) as entries:
            # __MACOSX is what archives made on a Mac leave behind.
            shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    except OSError as error:
        raise unreadable(folder, error) from error
    for entry in sorted(shown, key=lambda entry: entry.name):
        if not _is_folder(entry):
            (found.images if is_image_name(entry.name) else found.others).append(entry.path)
        elif entry.is_symlink() and _leads_back(entry.path, root):
            passed.links.append(entry.path)
        elif os.path.lexists(f"{entry.path}{os.sep}{MARKER}"):
            passed.workdirs.append(entry.path)
        else:
            found.folders.append(entry.path)
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself leads nowhere, like one to what is gone
            return False
        raise unreadable(entry.path, error) from error


def _leads_back(link: str, root: str) -> bool:
    """Whether a link to a folder leads to the set itself, around it, or to what is reached inside it anyway."""
    real = Path(os.path.realpath(link))
    if Path(root).is_relative_to(real):
        return real != Path(real.anchor)  # the whole machine is refused by `identity`, not passed over
    return real.is_relative_to(root) and not any(part.startswith(".") for part in real.relative_to(root).parts)


def subfolders(folder: Path, root: Path | None = None, passed: PassedOver | None = None) -> list[Path]:
    """The folders in a folder that belong to the set in `root` (default: the folder), sorted, hidden ones left out.

    Raises:
        InputError: as of `identity` and `listing`.
    """
    identity(folder)
    return [Path(path) for path in listing(folder, os.path.realpath(root or folder), passed).folders]


def image_files(
    folder: str | os.PathLike[str],
    above: Iterable[tuple[int, int]] = (),
    root: str | os.PathLike[str] | None = None,
    passed: PassedOver | None = None,
) -> list[str]:
    """Paths of the image files in a folder and below, sorted.

    Hidden files and folders, workdirs and files without an image extension are passed over. Links are followed, but
    not back into the set; a folder that several lead to is visited once.

    Args:
        folder: where to begin.
        above: `identity` of folders not to be entered, whatever links to them.
        root: where the whole set lies; default: the folder.
        passed: takes note of what is passed over.

    Raises:
        InputError: a folder cannot be listed or is the system's own.
    """
    return sorted(walk_images(folder, above, root, passed))


def walk_images(
    folder: str | os.PathLike[str],
    above: Iterable[tuple[int, int]] = (),
    root: str | os.PathLike[str] | None = None,
    passed: PassedOver | None = None,
) -> Iterator[str]:
    """The image files of `image_files`, as they are found."""
    seen, real_root = set(above), os.path.realpath(root or folder)
    waiting = [os.fspath(folder)]
    while waiting:
        top = waiting.pop()
        here = identity(top)
        if here in seen:
            continue
        seen.add(here)
        found = listing(top, real_root, passed)
        if passed is not None:
            passed.count(found.others)
        yield from found.images
        waiting += reversed(found.folders)
