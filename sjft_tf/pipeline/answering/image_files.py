"""Image files to name: where they are listed, and their content in a form every decoder reads alike."""

from __future__ import annotations

import glob
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from PIL import Image

from sjft_tf.csv_files import read_rows
from sjft_tf.errors import InputError
from sjft_tf.images import (
    MAX_PIXELS,
    ValueRange,
    decode_image,
    image_extensions,
    image_files,
    inspect_image,
    most_bytes,
    read_bytes,
)


def find_files(images: Sequence[str], standard_input: IO[str] | None = None) -> Iterator[Path]:
    """The image files that `images` names, each once, in order, as they are found.

    Args:
        images: files, folders (searched through), patterns, CSV tables with a column `path` (relative to the table), or
            "-" for one path a line on standard input. A folder's and a pattern's files are sorted.
        standard_input: what "-" reads; None for the process's own.

    Raises:
        InputError: nothing is named, or an entry names no image file.
    """
    if not images:
        raise InputError("Say which images to name: --images=FILE, a folder, a pattern, a CSV table, or - for a list")
    seen: set[Path] = set()
    for text in images:
        anything = False
        for path in _named(text, standard_input or sys.stdin):
            anything = True
            if path not in seen:
                seen.add(path)
                yield path
        if not anything:
            raise InputError(f"--images={text} names no image file ({', '.join(image_extensions())})")


def _named(text: str, standard_input: IO[str]) -> Iterable[Path]:
    if text == "-":
        if isinstance(standard_input, io.TextIOWrapper):  # names of files need not be UTF-8
            standard_input.reconfigure(errors="surrogateescape")
        return (Path(line) for line in map(str.strip, standard_input) if line)
    try:
        return _found(text)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a name too long, a NUL
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--images={text!a} cannot be looked for: {why}") from error


def _found(text: str) -> Iterable[Path]:
    path = Path(text)
    if path.is_dir():
        return sorted(map(Path, image_files(path)))
    if path.suffix.lower() == ".csv" and path.is_file():
        return _listed(path)
    if path.exists():
        return [path]
    return sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207 (absolute patterns)


def _listed(table: Path) -> Iterator[Path]:
    # Somebody's own table: its cells are what they say.
    return (table.parent / line["path"] for line in read_rows(table, ["path"], escaped=False))


def readable(path: Path, max_pixels: int = MAX_PIXELS, given: ValueRange | None = None) -> tuple[bytes, str]:
    """The file's content in a form the exported model decodes as training did, judged by the rule of training's scan.

    Args:
        path: the file.
        max_pixels: a file whose header claims more cannot be decoded.
        given: which values of more than 8 bits are black and white; None: what their type says.

    Returns:
        The encoded image and ""; or b"" and why it cannot be decoded.
    """
    try:
        content = read_bytes(str(path), most_bytes(max_pixels))
        judged = inspect_image(content, max_pixels, given)
        if judged.error or judged.plain:
            return (b"", judged.error) if judged.error else (content, "")
        again = io.BytesIO()
        Image.fromarray(decode_image(content, given)).save(again, "PNG")
        return again.getvalue(), ""
    except (OSError, ValueError) as error:
        return b"", str(getattr(error, "strerror", None) or error)
