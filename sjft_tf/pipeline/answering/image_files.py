"""Image files to name: where they are listed, and their content in a form every decoder reads alike."""

from __future__ import annotations

import codecs
import io
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import (
    MAX_PIXELS,
    ListedFile,
    PassedOver,
    ValueRange,
    decode_image,
    decode_text,
    image_extensions,
    inspect_image,
    is_remote,
    listed_files,
    most_bytes,
    read_bytes,
)


def find_files(
    images: Sequence[str], standard_input: IO[str] | None = None, passed: PassedOver | None = None
) -> Iterator[ListedFile]:
    """The image files that `images` names, each once, in order, as they are found.

    Args:
        images: files, folders (searched through), patterns, tables and lists (.csv, .tsv, .txt), `folder:` and `csv:`
            specs as in training, whose rules hold for all of them; or "-" for one path a line on standard input. The
            files of a folder and of a pattern are sorted.
        standard_input: what "-" reads; None for the process's own.
        passed: takes note of what lies in folders and is passed over.

    Raises:
        InputError: nothing is named, or an entry names no image file.
    """
    if not images:
        raise InputError("Say which images to name: --images=FILE, a folder, a pattern, a CSV table, or - for a list")
    seen: set[str] = set()
    for text in images:
        anything = False
        for file in _named(text, standard_input or sys.stdin, passed):
            anything = True
            place = file.path if is_remote(file.path) else os.path.abspath(file.path)  # noqa: PTH100
            if place not in seen:
                seen.add(place)
                yield file
        if not anything:
            raise InputError(f"--images={text} names no image file ({', '.join(image_extensions())})")


def _named(text: str, standard_input: IO[str], passed: PassedOver | None) -> Iterable[ListedFile]:
    if text == "-":
        return _lines(standard_input)
    try:
        return listed_files(text, passed)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a name too long, a NUL
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--images={text!a} cannot be looked for: {why}") from error


def _lines(stream: IO[str]) -> Iterator[ListedFile]:
    """One path a line, as they come; in UTF-8, or in what a byte order mark says."""
    lines: Iterable[str] = stream
    if (raw := getattr(stream, "buffer", None)) is not None:
        first = raw.readline()
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            lines = decode_text(first + raw.read(), "--images=-").splitlines()
        else:
            lines = map(os.fsdecode, itertools.chain([first], raw))
    for number, line in enumerate(lines, 1):
        path = line.removeprefix("\ufeff").strip()
        if len(path) > 2 and path[0] == path[-1] == '"' and not os.path.lexists(path):
            path = path[1:-1].replace('""', '"')
        if path:
            yield ListedFile(path, f"standard input, line {number}")


def readable(
    path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS, given: ValueRange | None = None
) -> tuple[bytes, str]:
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
