"""Large tables, a row an image, as one .npy file: reserved at once, written where a row belongs, read by mapping."""

from __future__ import annotations

import mmap
import os
import shutil
import zlib
from pathlib import Path

import numpy as np

from sjft_tf.artifacts.writing import NoSpace, atomic_write, shortage
from sjft_tf.errors import InputError


class RowFile:
    """Writes rows of a reserved file.

    By pwrite and not through a mapping: pages of a mapping would count as this process's memory.

    Args:
        path: from `reserve`.
        shape, dtype: as it was reserved.
        what: the rows in words, for messages: "descriptors".
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: np.dtype, what: str) -> None:
        self._path, self._what, self._row_bytes = path, what, shape[1] * dtype.itemsize
        self._file = os.open(path, os.O_RDWR)
        self._start = os.fstat(self._file).st_size - shape[0] * self._row_bytes

    def write(self, first: int, lines: np.ndarray) -> None:
        """Writes rows `first` and following; `lines` is contiguous, of the file's dtype.

        Raises:
            NoSpace: the disk is full after all.
        """
        left, offset = memoryview(lines.tobytes()), self._start + first * self._row_bytes
        while left:
            try:
                written = os.pwrite(self._file, left, offset)
            except OSError as error:
                raise no_room(self._path.parent, len(left), error, self._what) from error
            left, offset = left[written:], offset + written

    def flush(self) -> None:
        """Brings everything written so far to the disk: neither `kill -9` nor a power cut takes it back."""
        os.fsync(self._file)

    def close(self) -> None:
        """Closes the file; a second time does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def partial_folder(path: Path) -> Path:
    """The folder that is written until the one at `path` is complete.

    Not a hidden name: `remove_leftovers` deletes those, and this one is to be continued.
    """
    return path.with_name(path.name + ".partial")


def publish(partial: Path, path: Path) -> None:
    """Gives a complete folder its name."""
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def row_checksums(rows: np.ndarray) -> np.ndarray:
    """uint32 [n]: CRC-32 of the bytes of each row. By row, because scattered ones are read too."""
    return np.fromiter(map(zlib.crc32, np.ascontiguousarray(rows)), np.uint32, len(rows))


def map_rows(path: Path, shape: tuple[int, int], dtype: np.dtype) -> tuple[mmap.mmap, np.ndarray]:
    """The file as a read-only mapping and an array [N, D] of it; of another shape or length it would be a bus error.

    Raises:
        InputError: it is damaged or cut off.
    """
    with open(path, "rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            header = np.lib.format.read_array_header_1_0(stream)
        except Exception as error:  # headers are read as Python text, which fails in many ways
            raise InputError(f"{path} is damaged ({error}). Remove {path.parent} to have it made again.") from error
        start, size = stream.tell(), os.fstat(stream.fileno()).st_size
        needed = start + shape[0] * shape[1] * dtype.itemsize
        if header != (shape, False, dtype) or size != needed:
            raise InputError(
                f"{path} is damaged or cut off: expected {dtype} of shape {shape} in {needed} bytes, "
                f"found {header[2]} of shape {header[0]} in {size} bytes. Remove {path.parent} to have it made again."
            )
        mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return mapping, np.frombuffer(mapping, dtype, offset=start).reshape(shape)


def give_back(mapping: mmap.mmap) -> None:
    """Gives the pages of a mapping back: the kernel keeps them cached, but not as memory of this process."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def reserve(path: Path, shape: tuple[int, int], dtype: np.dtype, what: str) -> None:
    """An .npy file of zeros whose blocks on the disk are its own from now on.

    Raises:
        NoSpace: there is too little room.
    """
    size = shape[0] * shape[1] * dtype.itemsize
    try:
        with atomic_write(path) as stream:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            stream.flush()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), stream.tell(), size)
            else:
                stream.truncate(stream.tell() + size)
    except (OSError, NoSpace) as error:
        raise no_room(path.parent, size, error, what) from error


def no_room(folder: Path, needed: int, error: Exception, what: str) -> Exception:
    """The error to raise instead of one that came while writing: NoSpace where there was no room, else itself."""
    if (reason := shortage(error)) is None:
        return error
    free = shutil.disk_usage(folder).free
    return NoSpace(
        f"The disk is too full to keep {what} in {folder}: {needed:,} bytes needed, {free:,} free "
        f"({reason}). Make room, choose another folder, or do not keep them."
    )
