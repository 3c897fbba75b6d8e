"""Bytes of artifacts: NPZ and JSON with a SHA-256 of their content inside, so that no changed bit passes for a figure.

Nothing is allocated that the file itself does not fill: members are stored as they are, never compressed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

META, DIGEST = "__meta__", "__sha256__"
KEY = "sha256"


class Damage(ValueError):
    """What is wrong with the content of a file, in words that follow its name."""


def write_arrays(stream: IO[bytes], arrays: Mapping[str, np.ndarray], meta: bytes) -> None:
    """Writes arrays, meta and their digest as an `.npz`."""
    everything: dict[str, Any] = {META: np.frombuffer(meta, np.uint8)}
    everything |= {name: np.asarray(array, order="C") for name, array in arrays.items()}
    everything[DIGEST] = np.frombuffer(_digest(everything), np.uint8)
    np.savez(stream, **everything)


def read_arrays(stream: IO[bytes]) -> tuple[dict[str, np.ndarray], Any]:
    """`(arrays, meta)` of what `write_arrays` wrote.

    Raises:
        Damage: another kind of file, or one that is not as it was written. Others: see the reader of the package.
    """
    whole = os.fstat(stream.fileno()).st_size
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        # The directory's claims are believed only as far as the file is long.
        if any(one.compress_type or one.file_size != one.compress_size for one in members):
            raise Damage("it is compressed, which an artifact never is")
        if sum(one.file_size for one in members) > whole or len({one.filename for one in members}) != len(members):
            raise Damage("its table of contents does not fit its size")
        arrays = {one.filename.removesuffix(".npy"): _array(archive.read(one)) for one in members}
    stored = arrays.pop(DIGEST, None)
    if META not in arrays or stored is None:
        raise Damage("it has no digest of its content: another program or an older version wrote it")
    if stored.dtype != np.uint8 or stored.tobytes() != _digest(arrays):
        raise Damage("its content is not what was written: the digest differs")
    return arrays, parse(arrays.pop(META).tobytes())


def _array(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    if (version := np.lib.format.read_magic(stream)) not in ((1, 0), (2, 0)):
        raise Damage(f"it has an array of format {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    count = 1
    for size in shape:
        count *= size
    if (
        dtype.hasobject
        or fortran
        or min(shape, default=0) < 0
        or count * dtype.itemsize != len(content) - stream.tell()
    ):
        raise Damage(f"it has an array that cannot be {dtype} of shape {shape}")
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer(content, dtype, count, stream.tell()).reshape(shape).copy()


def _digest(arrays: Mapping[str, np.ndarray]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name!r} {np.lib.format.dtype_to_descr(array.dtype)!r} {array.shape};".encode())
        digest.update(array.reshape(-1).view(np.uint8).data if array.size and array.dtype.itemsize else b"")
    return digest.digest()


def parse(content: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        Damage: it is none, or one that Python cannot hold.
    """
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise Damage("it is nested too deeply to be one of ours") from error
    except ValueError as error:  # not JSON, not UTF-8, numbers of thousands of digits
        raise Damage(f"it is not valid JSON ({error})") from error


def sealed(value: object) -> object:
    """A JSON-able object with its digest as last entry; other values as they are."""
    return {**value, KEY: json_digest(value)} if isinstance(value, dict) else value


def unsealed(value: object) -> dict[str, Any]:
    """The inverse of `sealed` for an object read back.

    Raises:
        Damage: it is no object, has no digest, or its digest is that of another content.
    """
    if not isinstance(value, dict):
        raise Damage(f"an object was expected, not {'null' if value is None else type(value).__name__}")
    if KEY not in value:
        raise Damage(f"it has no digest ({KEY!r}) of its content: it was written by hand or by an older version")
    rest = {name: one for name, one in value.items() if name != KEY}
    if value[KEY] != json_digest(rest):
        raise Damage(f"its content is not what was written: the digest ({KEY!r}) differs")
    return rest


def json_digest(value: Mapping[str, object]) -> str:
    """SHA-256 of a JSON object, the same for every order and layout."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
