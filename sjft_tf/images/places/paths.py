"""Paths on the local disk and on any file system TensorFlow knows (gs://, hdfs://, ram://, ...)."""

from __future__ import annotations

import concurrent.futures
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from sjft_tf.images.places.spec import is_remote

MISSING = (-1, -1)
_AT_ONCE = 32  # requests to a remote file system, which answers late but many at a time


def join(folder: str, path: str) -> str:
    """`path` seen from `folder`; a `path` that is remote or absolute stands for itself."""
    return path if is_remote(path) else os.path.join(folder, path)  # noqa: PTH118


def folder_of(path: str) -> str:
    """The folder a file or pattern lies in."""
    return os.path.dirname(path)  # noqa: PTH120 (a Path would make one slash of "gs://")


def read_bytes(path: str, most: int | None = None) -> bytes:
    """The content of a file.

    Args:
        path: local or remote.
        most: bytes; a larger file is not read. None: of any size.

    Raises:
        OSError: whatever the file system raises, and for a larger file or what is no regular file.
    """
    if not is_remote(path):
        # Pipes and devices block or never end; they are not even opened, which alone can have effects.
        try:
            status = os.stat(path)  # noqa: PTH116
        except ValueError as error:  # NUL, or surrogates
            raise OSError(f"Not a path: {error}") from error
        if not stat.S_ISREG(status.st_mode):
            raise OSError("Not a regular file")
        _refuse_larger(status.st_size, most)
        return Path(path).read_bytes()
    try:
        with tf.io.gfile.GFile(path, "rb") as stream:
            if most is not None:
                _refuse_larger(stream.size(), most)
            return stream.read()
    except tf.errors.OpError as error:
        raise OSError(reason(error)) from error


def _refuse_larger(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise OSError(f"its {size} bytes are more than the {most} that are read; remove it or raise --max_pixels")


def read_range(path: str, start: int, length: int) -> bytes:
    """`length` bytes of a file from byte `start` on; fewer where the file ends. From any thread. Raises OSError."""
    if not is_remote(path):
        # Opened for every read: a large set has more shards than a process may hold open.
        handle = os.open(path, os.O_RDONLY)
        try:
            return os.pread(handle, length, start)
        finally:
            os.close(handle)
    try:
        with tf.io.gfile.GFile(path, "rb") as stream:
            stream.seek(start)
            return stream.read(length)
    except tf.errors.OpError as error:
        raise OSError(reason(error)) from error


def file_stats(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Size in bytes and time of change in ns of each file; `MISSING` where there is none.

    Remote file systems that tell no time give 0, so that changes show by size alone.
    """
    if not any(is_remote(path) for path in paths):
        return [_local_stat(path) for path in paths]
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda path: _remote_stat(path) if is_remote(path) else _local_stat(path), paths))


def _local_stat(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 (no Path object for each of a million files)
    except (OSError, ValueError):  # a NUL is a ValueError
        return MISSING
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else MISSING


def _remote_stat(path: str) -> tuple[int, int]:
    try:
        status = tf.io.gfile.stat(path)
    except tf.errors.NotFoundError:
        return MISSING
    except tf.errors.OpError as error:
        raise OSError(f"{path}: {reason(error)}") from error
    return MISSING if status.is_directory else (int(status.length), int(status.mtime_nsec))


def reason(error: tf.errors.OpError) -> str:
    """What a file system said, in one line."""
    if isinstance(error, tf.errors.NotFoundError):
        return "No such file or directory"
    return " ".join(str(error.message).split()) or type(error).__name__
