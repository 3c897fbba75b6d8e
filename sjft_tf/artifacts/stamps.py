"""What an artifact was made from: digests of the inputs, and their comparison with what a run asks for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sjft_tf.errors import InputError

Stamp: TypeAlias = Mapping[str, Any]
"""What an artifact was made from: names, and values that JSON can hold, compared as a whole."""
OTHER_WORKDIR = "Choose another --workdir; what is in this one stays as it is."
_MADE_AGAIN = "Choose another --workdir, or remove the file (and what was made from it) to make it again."


class ArtifactMismatch(InputError):
    """An artifact in the working directory was made from something other than what this run asks for."""


def fingerprint(*parts: Any) -> str:
    """A 16-digit hexadecimal digest of arrays, strings, bytes and JSON-able values, in order.

    Equal for equal content on every platform; arrays count with dtype and shape.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "UO":
                header, body = f"text{part.shape}", "\0".join(map(str, part.ravel().tolist())).encode()
            else:
                header, body = f"{part.dtype.str}{part.shape}", np.ascontiguousarray(part).tobytes()
        elif isinstance(part, bytes):
            header, body = "bytes", part
        else:
            header, body = "json", json.dumps(part, sort_keys=True, default=jsonable).encode()
        digest.update(f"{header}:{len(body)}:".encode())
        digest.update(body)
    return digest.hexdigest()[:16]


def jsonable(value: Any) -> Any:
    """`default` of json.dumps: NumPy values and paths as plain ones."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON: {value!r}")


def _cut(text: str, longest: int = 400) -> str:
    # A file may claim anything, at any length.
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def check_made_from(path: str | os.PathLike[str], stamp: Stamp, wanted: Stamp, advice: str = _MADE_AGAIN) -> None:
    """Raises ArtifactMismatch naming both sides if the artifact's stamp differs from what this run asks for.

    Args:
        path: the artifact, for the message.
        stamp: the `made_from` mapping stored in it.
        wanted: the mapping this run would store.
        advice: what to do; nobody is to be told to remove what took hours because other images were named.
    """
    canonical = json.loads(json.dumps(dict(wanted), default=jsonable))
    differing = sorted(k for k in {*stamp, *canonical} if stamp.get(k) != canonical.get(k))
    if differing:
        sides = "; ".join(
            f"{k}: {_cut(repr(stamp.get(k)))} there, {_cut(repr(canonical.get(k)))} asked for" for k in differing
        )
        raise ArtifactMismatch(f"{path} was made from other inputs ({_cut(sides, 1500)}). {advice}")
