"""Some classes of an image set, named in a file of the study's workdir."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sjft_tf.artifacts import atomic_write
from sjft_tf.workdir import StudyFiles

WORKDIR = "{workdir}"
"""In the spec of an image set of a cell: the study's workdir, wherever it lies."""

_PLACE = f"{StudyFiles.SHARED}/{StudyFiles.CLASSES}"
_OPTIONS = re.compile(r"\?[^?/=]+=")


def with_classes(spec: str, name: str) -> str:
    """A spec that takes the classes of a list that `write_classes` writes.

    Args:
        spec: of an image set, see docs/image-sets.md.
        name: of the list.

    Example:
        >>> with_classes("digits#test", "few")
        'digits#test?only_classes=@{workdir}/shared/classes/few.txt'
    """
    begun = _OPTIONS.search(spec)
    place, given = (spec[: begun.start()], spec[begun.start() + 1 :].split("&")) if begun else (spec, [])
    # The list is of classes that the spec has: of those that it named itself.
    kept = [option for option in given if not option.startswith("only_classes=")]
    return f"{place}?{'&'.join([*kept, f'only_classes=@{WORKDIR}/{_PLACE}/{name}.txt'])}"


def write_classes(root: Path, name: str, classes: Sequence[str]) -> None:
    """Writes a list of classes, one a line, into the workdir of a study."""
    with atomic_write(root / _PLACE / f"{name}.txt", "w") as stream:
        stream.writelines(f"{one}\n" for one in classes)


def at(root: Path, spec: str) -> str:
    """The spec with the workdir in it, its signs of the spec's own form in codes."""
    place = re.sub(r"[#?&]|%(?=23|3F|26|25)", lambda sign: f"%{ord(sign[0]):02X}", str(root))
    return spec.replace(WORKDIR, place)
