"""JSON and NPZ files with a digest of their content and, for what was made, a stamp of what it was made from."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import schema, sealed
from sjft_tf.artifacts.stamps import jsonable
from sjft_tf.artifacts.writing import atomic_write
from sjft_tf.errors import InputError


class Missing(InputError, FileNotFoundError):
    """An artifact that should be there is not."""


REMAKE = "Remove it to have it made again."


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON (NumPy scalars and arrays, paths allowed), atomically.

    An object gets an entry "sha256", the digest of the others, which `read_json` asks for.
    """
    plain = json.loads(json.dumps(value, default=jsonable))
    with atomic_write(path, "w") as stream:
        json.dump(sealed.sealed(plain), stream, indent=2, sort_keys=False)
        stream.write("\n")


def read_json(path: str | os.PathLike[str], form: Mapping[str, Any] | None = None, remedy: str = REMAKE) -> Any:
    """Reads an object that `write_json` wrote, without its digest.

    Args:
        path: the file.
        form: what must be in it, see `schema`.
        remedy: what to do about a damaged file, for the message.

    Raises:
        Missing: there is no such file.
        InputError: it is damaged, of another kind, or not of this form.
    """
    with _reading(path, remedy):
        value = sealed.unsealed(sealed.parse(Path(path).read_bytes()))
        if form is not None and (reason := schema.mismatch(value, dict(form), "it")) is not None:
            raise sealed.Damage(reason)
    return value


def save_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Writes arrays, a JSON-able `meta` (what they were made from) and a digest into one `.npz`, without pickles."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"`{name}` has dtype object, which only a pickle could hold")
    stamp = json.dumps(dict(meta), default=jsonable).encode()
    with atomic_write(path) as stream:
        sealed.write_arrays(stream, arrays, stamp)


def load_npz(
    path: str | os.PathLike[str], wanted: schema.Schema | None = None, remedy: str = REMAKE
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `save_npz` wrote: `(arrays, meta)`.

    Args:
        path: the file.
        wanted: what must be in it.
        remedy: what to do about a damaged file, for the message.

    Raises:
        Missing: there is no such file.
        InputError: it is damaged, foreign, or holds something else.
    """
    with _reading(path, remedy):
        with open(path, "rb") as stream:
            arrays, meta = sealed.read_arrays(stream)
        if not isinstance(meta, dict):
            raise sealed.Damage("its description is no object")
        if wanted is not None and (reason := wanted.wrong(arrays, meta)) is not None:
            raise sealed.Damage(reason)
    return arrays, meta


@contextlib.contextmanager
def _reading(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{path} is missing. Start the command that makes it again.") from error
    except Exception as error:
        # Zip and NumPy raise almost anything on a changed byte; nothing but their reading happens here.
        reason = str(error) if isinstance(error, sealed.Damage) else f"{type(error).__name__}: {error}"[:400]
        raise InputError(f"{path} is not an artifact of sjft_tf or is damaged: {reason}. {remedy}") from error
