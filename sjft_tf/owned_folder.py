"""Which folders a run may work in: those that a program of this package marked, and new or empty ones.

A run removes leftovers and replaces files by name, which must not happen in a folder that is somebody's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from sjft_tf.errors import InputError

MARKER = ".sjft-workdir"
_TEXT = "A working directory of sjft_tf: its programs replace and remove what they made in here.\n"
_ENDINGS = (".json", ".npz", ".npy", ".csv", ".png", ".h5", ".md")
_PART = re.compile(r"\d{2,}|step-\d{8,}")  # a round, a checkpoint
# What may lie in a folder that is new: the lock, output that is written into it, what a file system puts there.
_NOTHING = (".lock", "log.txt", "nohup.out", "lost+found", ".DS_Store")
_NOTHING_ENDS = (".log", ".out", ".cfg", ".sjft-tmp", ".sjft-old")


def refuse_patterns(path: str | os.PathLike[str], flag: str) -> None:
    """Refuses a path that TensorFlow would take for a pattern when it reads a model: with `*`, `?`, `[`, `]` or `\\`.

    Args:
        path: where a SavedModel lies, or will.
        flag: what named it, for the message, such as "--output".

    Raises:
        InputError: names the characters.
    """
    if characters := sorted({*str(path)} & {*"*?[]\\"}):
        raise InputError(
            f"{flag}={path} contains {' '.join(characters)}, which TensorFlow takes for a pattern: the model in it "
            "could not be read again. Choose a name without, or start from inside the folder whose name has it"
        )


def refuse_foreign(root: Path) -> None:
    """Refuses a folder that is somebody's, before anything is written.

    Raises:
        InputError: it is `/`, the home folder, or neither marked, ours, new nor empty.
    """
    folder, home = root.resolve(), None
    with contextlib.suppress(RuntimeError):
        home = Path.home().resolve()
    if folder == Path(folder.anchor) or folder == home:
        raise InputError(
            f"--workdir={root} is {'the home folder' if folder == home else 'the root of the file system'}. "
            "Name a folder for this run alone, e.g. --workdir=runs/mine"
        )
    try:
        names = sorted(path.name for path in root.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"--workdir={root} cannot be read ({error.strerror}); choose another") from error
    foreign = [name for name in names if name not in _NOTHING and not name.endswith(_NOTHING_ENDS)]
    if foreign and MARKER not in names and not _is_record(root):
        raise InputError(
            f"--workdir={root} holds other things ({', '.join(foreign[:3])}{', ...' if foreign[3:] else ''}) and "
            "no run. Files in a workdir are replaced and removed: name a new or an empty folder. If it is a workdir "
            f"after all, make an empty file {MARKER} in it"
        )


def refuse_misplaced(paths: Iterable[Path]) -> None:
    """Refuses a folder where a file of a run belongs, and a file where a folder belongs, before anything is written.

    Neither is ours, so that neither is removed; both would end a run when it comes to write there.

    Args:
        paths: where a run writes. Files of ours have an ending, folders have none. In the folders it is looked too.

    Raises:
        InputError: names the first one.
    """
    for path in paths:
        is_file = bool(path.suffix)
        if path.is_dir() if is_file else path.exists() and not path.is_dir():
            kind, wanted = ("a folder", "a file") if is_file else ("a file", "a folder")
            raise InputError(
                f"{path} is {kind}, where {wanted} of a run belongs: it was not made by this program. Move it "
                "elsewhere and start the same command again"
            )
        if not is_file:
            with contextlib.suppress(OSError):  # absent, or not to be looked into: for those who use it to tell
                inside = list(path.iterdir())
                refuse_misplaced(one for one in inside if one.suffix in _ENDINGS or _PART.fullmatch(one.name))


def mark(root: Path) -> None:
    """Marks a folder as ours; a marker that is there stays."""
    with contextlib.suppress(FileExistsError), os.fdopen(_create(root / MARKER), "w", encoding="utf-8") as stream:
        stream.write(_TEXT)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def _is_record(root: Path) -> bool:
    # Trained networks of other packages also come with a config.json.
    try:
        return "sjft_tf" in json.loads((root / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False
