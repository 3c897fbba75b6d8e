"""Lengths of TFRecord records compared with the file before TensorFlow, which makes room for what they claim."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import tensorflow as tf

from sjft_tf.images.spec import is_remote
from sjft_tf.images.spool import Spool

# A record is its length in 8 bytes, a checksum of these in 4, the data, a checksum of the data in 4.
BEFORE, AFTER = 12, 4
LONGEST = 1 << 30  # bytes of a record; a larger one is no image
GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How many records may be read safely, and what is wrong with the one after them ("": nothing, the file ends)."""

    safe: int
    fault: str


def walk(path: str, size: int, compressed: bool, spool: Spool | None, base: int, most: int | None) -> Lengths:
    """Follows the lengths through a file, without reading what lies between them where that can be skipped.

    Args:
        path: of the file, on the disk or any file system TensorFlow knows.
        size: bytes of the file, or of the uncompressed content in `spool`.
        compressed: with gzip; without `spool` it is then decompressed, a chunk at a time.
        spool: holds the uncompressed content from byte `base` on.
        most: records after which to stop; None: none.

    Raises:
        OSError: the file cannot be read.
        tf.errors.OpError: likewise, of a remote file system.
    """
    safe, start = 0, 0
    with _bytes(path, size, compressed, spool, base) as content:
        while most is None or safe < most:
            head = content.read(start, BEFORE)
            if not head:
                return Lengths(safe, "")
            if len(head) < BEFORE:
                return Lengths(safe, "truncated")
            length, checksum = struct.unpack("<QI", head)
            end = start + BEFORE + length + AFTER
            if length > LONGEST or not content.has(end - 1):
                if checksum != masked_crc32c(head[:8]):
                    return Lengths(safe, "corrupt")
                claim = f"it claims {length} bytes" + (f", of {size}" if not compressed or spool else "")
                return Lengths(safe, f"truncated or too large ({claim})")
            safe, start = safe + 1, end
    return Lengths(safe, "")


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files; for a few bytes, since Python is slow at it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class _Range:
    """Bytes at any place of an open file; fewer than asked for, or none, where it ends."""

    def __init__(self, stream: IO[bytes] | Any, size: int | None) -> None:
        self._stream, self._size, self._at = stream, size, 0

    def read(self, start: int, length: int) -> bytes:
        if self._size is not None:
            length = min(length, max(0, self._size - start))
            if not length:
                return b""
            self._stream.seek(start)
            return self._stream.read(length)
        # Compressed: only forward, and no more than a chunk in memory. The byte looked at is kept for what comes next.
        while self._at < start:
            passed = len(self._stream.read(min(_CHUNK, start - self._at)))
            if not passed:
                return b""
            self._at += passed
        found = self._stream.read(length)
        self._at += len(found)
        return found

    def has(self, position: int) -> bool:
        return position < self._size if self._size is not None else bool(self.read(position, 1))


class _Spooled:
    def __init__(self, spool: Spool, base: int, size: int) -> None:
        self._spool, self._base, self._size = spool, base, size

    def read(self, start: int, length: int) -> bytes:
        length = min(length, max(0, self._size - start))
        return self._spool.read_range(self._base + start, length) if length else b""

    def has(self, position: int) -> bool:
        return position < self._size


@contextlib.contextmanager
def _bytes(path: str, size: int, compressed: bool, spool: Spool | None, base: int) -> Iterator[_Range | _Spooled]:
    if spool is not None:
        yield _Spooled(spool, base, size)
        return
    with opened(path) as raw:
        if not compressed:
            # What is there now counts, not what was there when the file was listed.
            yield _Range(raw, raw.size() if is_remote(path) else os.fstat(raw.fileno()).st_size)
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield _Range(stream, None)


def opened(path: str) -> Any:
    """A file's bytes, from the disk or any file system TensorFlow knows."""
    return tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb", buffering=BEFORE)
