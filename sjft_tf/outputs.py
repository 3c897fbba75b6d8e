"""`outputs.json` beside what a run leaves for its user: digests, by which a restart knows what to make again."""

from __future__ import annotations

from pathlib import Path

from sjft_tf import artifacts, sealed
from sjft_tf.errors import InputError

FILE = "outputs.json"
_FORM = {"files": {"*": (str, None)}}


def record(*paths: Path) -> None:
    """Writes down the digests of these files, all in one folder, as they are now; one that is absent counts too."""
    known = _recorded(paths[0].parent)
    artifacts.write_json(paths[0].parent / FILE, {"files": known | {path.name: _digest(path) for path in paths}})


def intact(*paths: Path) -> bool:
    """Whether all of these files are, byte by byte, what was recorded."""
    return all((known := _recorded(path.parent)) and known.get(path.name, "") == _digest(path) for path in paths)


def check(path: Path, remedy: str) -> None:
    """Before figures are taken from a file that holds no digest of itself. One that was never recorded passes.

    Raises:
        InputError: it is not the file that was recorded, or the record is damaged.
    """
    if (path.parent / FILE).is_file():
        known = artifacts.read_json(path.parent / FILE, _FORM, remedy)["files"]
        if path.name in known and known[path.name] != _digest(path):
            raise InputError(f"{path} is damaged: it is not the file that was written. {remedy}")


def _recorded(folder: Path) -> dict[str, str | None]:
    # Not left to the exception: on Python 3.13 one that is caught here keeps the frames of all callers, with what they
    # hold, until the next collection of garbage.
    if not (folder / FILE).is_file():
        return {}
    try:
        return artifacts.read_json(folder / FILE, _FORM)["files"]
    except InputError:  # damaged: everything is made again, which is cheap
        return {}


def _digest(path: Path) -> str | None:
    return sealed.file_digest(path) if path.is_file() else None
