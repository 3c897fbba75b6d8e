"""Files a run leaves behind: written atomically, stamped with what they were made from.

An artifact is complete or absent. Every writer goes through a temporary file in the same folder, fsync and
rename, so that a process killed at any moment leaves either the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from sjft_tf import schema, sealed
from sjft_tf.errors import InputError

# A full disk, an exhausted quota, a file larger than allowed: by number, and by the words that TensorFlow and HDF5 use.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# A place that may not be written to, or that a link leads away from.
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP)


_THEN = "Then start the same command again."
FREE_SPACE = "Free some space and start the same command again."


class ArtifactMismatch(InputError):
    """An artifact in the working directory was made from something other than what this run asks for."""


class NoSpace(InputError):
    """Something could not be written because the disk is full, or a quota or limit is reached."""


def shortage(error: BaseException | None) -> str | None:
    """What this error, or one that led to it, says of there being no room for a file; None for other errors.

    TensorFlow (ResourceExhaustedError) and HDF5 (OSError, RuntimeError) tell it in words; running out of memory
    is also a ResourceExhaustedError, so the words decide.
    """
    while error is not None:
        for number in _FULL:
            if (isinstance(error, OSError) and error.errno == number) or os.strerror(number) in str(error):
                return os.strerror(number)
        error = error.__cause__ or error.__context__
    return None


def refusal(error: BaseException | None) -> str | None:
    """What the system says of a place that may not be used (rights, a read-only file system, a link); else None.

    TensorFlow (any OpError) and HDF5 (OSError, RuntimeError) tell it, and the place, in words. Other errors are bugs,
    whatever they say.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSED and error.filename:
            return f"{os.strerror(error.errno)}: {error.filename}"
        if isinstance(error, (OSError, RuntimeError)) or hasattr(error, "error_code"):
            number = error.errno if isinstance(error, OSError) else None
            for one in _REFUSED:
                said = os.strerror(one)
                if number == one or said in str(error):
                    place = re.search(rf"name = '([^']+)'|(?:^|\s)(/[^;]*); {re.escape(said)}", str(error))
                    return f"{said}: {place[1] or place[2]}" if place else said
        error = error.__cause__
    return None


@contextlib.contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if (denied := refusal(error)) is not None:
            raise InputError(
                f"{target} cannot be written ({denied}). What was there before is kept. Make its folder one that you "
                "may write to, and start the same command again."
            ) from error
        if (reason := shortage(error)) is None:
            raise
        raise NoSpace(
            f"There is no room to write {target} ({reason}). The unfinished part is removed, what was there before is "
            f"kept. {FREE_SPACE}"
        ) from error


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
            header, body = "json", json.dumps(part, sort_keys=True, default=_jsonable).encode()
        digest.update(f"{header}:{len(body)}:".encode())
        digest.update(body)
    return digest.hexdigest()[:16]


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON: {value!r}")


def _sync_folder(folder: Path) -> None:
    # The rename itself must reach the disk, or a power cut brings the old folder entry back.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a temporary file beside `path`; on success it becomes `path`, on any error it is removed."""
    target = Path(path)
    with _room_for(target), _temporary_file(target, mode) as stream:
        yield stream


@contextlib.contextmanager
def _temporary_file(target: Path, mode: str) -> Iterator[IO[Any]]:
    if target.is_dir() and not target.is_symlink():
        raise InputError(f"{target} is a folder, and a file is to be written there. Move it elsewhere. {_THEN}")
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".sjft-tmp", dir=target.parent)
    try:
        os.fchmod(handle, 0o644)
        text = "b" not in mode
        with os.fdopen(handle, mode, encoding="utf-8" if text else None, newline="" if text else None) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
        _sync_folder(target.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; on success it replaces `path` as a whole."""
    target = Path(path)
    with _room_for(target), _temporary_folder(target) as folder:
        yield folder


@contextlib.contextmanager
def _temporary_folder(target: Path) -> Iterator[Path]:
    if target.exists() and not target.is_dir() and not target.is_symlink():
        raise InputError(f"{target} is a file, and a folder is to be written there. Move it elsewhere. {_THEN}")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".sjft-tmp", dir=target.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with open(Path(folder) / name, "rb") as stream:
                    os.fsync(stream.fileno())
            _sync_folder(Path(folder))
        if target.is_symlink():
            target.unlink()  # the link goes, what it leads to is not ours
        if target.exists():
            # A folder cannot be replaced in one step; the old one is moved aside before the new one takes its name.
            aside = temporary.with_suffix(".sjft-old")
            target.replace(aside)
            temporary.replace(target)
            shutil.rmtree(aside)
        else:
            temporary.replace(target)
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_room(path: str | os.PathLike[str], size: int) -> None:
    """Asks the disk for `size` bytes at `path`, a name that is not in use, and gives them back.

    For writers that a full disk crashes: HDF5 ends the process with a segmentation fault when it cannot close a file.

    Raises:
        OSError: there is no room (ENOSPC, EDQUOT, EFBIG).
    """
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    try:
        os.posix_fallocate(handle, 0, max(1, size))
    except OSError as error:
        if error.errno in _FULL:  # else the file system cannot tell
            raise
    finally:
        os.close(handle)
        Path(path).unlink()


def remove_directory(path: str | os.PathLike[str]) -> None:
    """Removes a folder in such a way that it is never seen with half of its files; an absent one is no error."""
    target = Path(path)
    aside = target.with_name(f".{target.name}.removed.sjft-tmp")
    with contextlib.suppress(FileNotFoundError):
        target.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(root: str | os.PathLike[str], folders: Sequence[str] = ()) -> None:
    """Removes temporary files and folders that a killed process left behind; links are not followed, and stay.

    Only for the one process that works in `root`: another one's unfinished files look the same.

    Args:
        root: only what lies directly in it is looked at.
        folders: names of folders in it that are searched through.
    """
    _remove_leftovers_in(Path(root))
    for name in folders:
        folder = Path(root) / name
        if not folder.is_symlink():
            for place, _, _ in os.walk(folder):
                _remove_leftovers_in(Path(place))


def _remove_leftovers_in(folder: Path) -> None:
    for path in sorted(folder.glob(".*")):
        if path.name.endswith((".sjft-tmp", ".sjft-old")) and not path.is_symlink():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


class Missing(InputError, FileNotFoundError):
    """An artifact that should be there is not."""


REMAKE = "Remove it to have it made again."


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` as indented JSON (NumPy scalars and arrays, paths allowed), atomically.

    An object gets an entry "sha256", the digest of the others, which `read_json` asks for.
    """
    plain = json.loads(json.dumps(value, default=_jsonable))
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
    stamp = json.dumps(dict(meta), default=_jsonable).encode()
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


OTHER_WORKDIR = "Choose another --workdir; what is in this one stays as it is."
_MADE_AGAIN = "Choose another --workdir, or remove the file (and what was made from it) to make it again."


def _cut(text: str, longest: int = 400) -> str:
    # A file may claim anything, at any length.
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def check_made_from(
    path: str | os.PathLike[str], found: Mapping[str, Any], wanted: Mapping[str, Any], advice: str = _MADE_AGAIN
) -> None:
    """Raises ArtifactMismatch naming both sides if the artifact's stamp differs from what this run asks for.

    Args:
        path: the artifact, for the message.
        found: the `made_from` mapping stored in it.
        wanted: the mapping this run would store.
        advice: what to do; nobody is to be told to remove what took hours because other images were named.
    """
    canonical = json.loads(json.dumps(dict(wanted), default=_jsonable))
    differing = sorted(k for k in {*found, *canonical} if found.get(k) != canonical.get(k))
    if differing:
        sides = "; ".join(
            f"{k}: {_cut(repr(found.get(k)))} there, {_cut(repr(canonical.get(k)))} asked for" for k in differing
        )
        raise ArtifactMismatch(f"{path} was made from other inputs ({_cut(sides, 1500)}). {advice}")
