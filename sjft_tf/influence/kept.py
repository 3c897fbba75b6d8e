"""The list of images that are left: by id, so that it survives another order; a pruned one for one set only."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, decode_text
from sjft_tf.schema import short

KIND = "sjft_tf kept target images"


def save_kept(path: str | os.PathLike[str], target: ImageSet, kept: np.ndarray, made_from: artifacts.Stamp) -> None:
    """Writes the ids of the kept images as JSON.

    Args:
        path: the file.
        target: the `images.ImageSet` that was pruned.
        kept: bool [N].
        made_from: how they were chosen, for the reader.
    """
    content = {
        "kind": KIND,
        "target": target.fingerprint,
        "images": len(target),
        "dropped": int((~kept).sum()),
        "made_from": made_from,
        "kept": target.ids[kept].tolist(),
    }
    artifacts.write_json(path, content)


def kept_rows(path: str | os.PathLike[str], target: ImageSet, flag: str = "--target_rows") -> np.ndarray:
    """The rows of `target` that a file names, ascending: int [M].

    Args:
        path: a file of `save_kept`, or a text of one id a line, in whatever `decode_text` knows.
        target: the images, also source images.
        flag: how the file was given, for messages.

    Raises:
        InputError: no such file, another kind of file, made for other images, or an id the target does not have.
    """
    if not Path(path).is_file():
        raise InputError(
            f"{flag}={path}: there is no such file. Expected one id a line, or what scripts/prune.py writes (kept.json)"
        )
    if (listed := _plain_list(Path(path), flag)) is not None:
        return _listed_rows(listed, target, f"{flag}={path}")
    content = artifacts.read_json(path, remedy="scripts/prune.py writes one (kept.json).")
    if content.get("kind") != KIND:
        raise InputError(f"{flag}={path} is not a list of kept images. scripts/prune.py writes one (kept.json)")
    if content.get("target") != target.fingerprint:
        raise InputError(
            f"{flag}={path} was made for other images (target {short(content.get('target'))} with "
            f"{short(content.get('images'))} images there, {target.fingerprint} with {len(target)} here). "
            "Prune this --target."
        )
    ids = content.get("kept")
    row_of = {name: row for row, name in enumerate(target.ids.tolist())}
    if not isinstance(ids, list) or not ids or any(not isinstance(name, str) or name not in row_of for name in ids):
        raise InputError(f"{flag}={path}: `kept` must be a list of ids of the target, e.g. {str(target.ids[0])!r}")
    return np.unique([row_of[name] for name in ids])


def _plain_list(path: Path, flag: str) -> list[tuple[int, str]] | None:
    """Number and text of each line that has any; None for JSON."""
    content = path.read_bytes()
    if path.suffix.lower() == ".json" or content.lstrip()[:1] == b"{":
        return None
    lines = enumerate(decode_text(content, f"{flag}={path}").splitlines(), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _listed_rows(listed: list[tuple[int, str]], images: ImageSet, what: str) -> np.ndarray:
    row_of = {name: row for row, name in enumerate(images.ids.tolist())}
    if listed and listed[0][1].lower() == "id" and "id" not in row_of:  # the header of a table of one column
        listed = listed[1:]
    if not listed:
        raise InputError(f"{what} lists no images. Expected one id a line, e.g. {str(images.ids[0])!r}")
    if unknown := [(number, name) for number, name in listed if name not in row_of]:
        number, name = unknown[0]
        raise InputError(
            f"{what}, line {number}: there is no image {name[:300]!r} ({len(unknown)} such line(s) of {len(listed)}). "
            f"Expected ids of these images, such as {str(images.ids[0])!r}"
        )
    return np.unique([row_of[name] for _, name in listed])
