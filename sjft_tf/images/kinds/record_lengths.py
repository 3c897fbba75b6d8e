"""Lengths of TFRecord records compared with the file before TensorFlow, which makes room for what they claim."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Protocol

import tensorflow as tf

from sjft_tf.images.places.spec import is_remote
from sjft_tf.images.places.spool import Spool

# A record is its length in 8 bytes, a checksum of these in 4, the data, a checksum of the data in 4.
BEFORE, AFTER = 12, 4
LONGEST = 1 << 30  # bytes of a record; a larger one is no image
GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class ShardContent:
    """The bytes of a shard as they are without compression.

    Args:
        size: how many there are.
        spool: holds those of a compressed shard; None (default): the file does, or is decompressed as it is read.
        base: the byte of `spool` they begin at.
    """

    size: int
    spool: Spool | None = None
    base: int = 0


@dataclasses.dataclass(frozen=True)
class Lengths:
    """How many records may be read safely, and what is wrong with the one after them ("": nothing, the file ends)."""

    safe: int
    fault: str


def walk(path: str, compressed: bool, content: ShardContent, most: int | None) -> Lengths:
    """Follows the lengths through a file, without reading what lies between them where that can be skipped.

    Args:
        path: of the file, on the disk or any file system TensorFlow knows.
        compressed: with gzip; without a spool it is then decompressed, a chunk at a time.
        content: the size of the file, or the uncompressed content in a spool.
        most: records after which to stop; None: none.

    Raises:
        OSError: the file cannot be read.
        tf.errors.OpError: likewise, of a remote file system.
    """
    safe, start = 0, 0
    with _bytes(path, compressed, content) as stored:
        while most is None or safe < most:
            head = stored.read(start, BEFORE)
            if not head:
                return Lengths(safe, "")
            if len(head) < BEFORE:
                return Lengths(safe, "truncated")
            length, checksum = struct.unpack("<QI", head)
            end = start + BEFORE + length + AFTER
            if length > LONGEST or not stored.has(end - 1):
                if checksum != masked_crc32c(head[:8]):
                    return Lengths(safe, "corrupt")
                claim = f"it claims {length} bytes" + (
                    f", of {content.size}" if not compressed or content.spool else ""
                )
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


class _ByteStream(Protocol):
    """A file of the disk or of TensorFlow, or what gzip makes of one."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...


class _Range:
    """Bytes anywhere in an open file; fewer than asked for, or none, where it ends."""

    def __init__(self, stream: _ByteStream, size: int | None) -> None:
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
        content = self._stream.read(length)
        self._at += len(content)
        return content

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
def _bytes(path: str, compressed: bool, content: ShardContent) -> Iterator[_Range | _Spooled]:
    if content.spool is not None:
        yield _Spooled(content.spool, content.base, content.size)
        return
    with opened(path) as raw:
        if not compressed:
            # What is there now counts, not what was there when the file was listed.
            yield _Range(raw, raw.size() if isinstance(raw, tf.io.gfile.GFile) else os.fstat(raw.fileno()).st_size)
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            yield _Range(stream, None)


def opened(path: str) -> IO[bytes]:
    """A file's bytes, from the disk or any file system TensorFlow knows (a GFile, which does what is needed of IO)."""
    return tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb", buffering=BEFORE)
