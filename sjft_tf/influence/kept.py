"""The list of target images that are left: by id, so that it survives another order, and for one image set only."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
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
    """The rows of `target` that a file of `save_kept` names, ascending: int [M].

    Raises:
        InputError: no such file, another kind of file, made for other images, or an id the target does not have.
    """
    if not Path(path).is_file():
        raise InputError(f"{flag}={path}: there is no such file. scripts/prune.py writes one (kept.json)")
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
