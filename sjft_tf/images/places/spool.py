"""Many encoded images in one temporary file instead of memory."""

from __future__ import annotations

import array
import os
import tempfile
import weakref

import numpy as np


class Spool:
    """Byte strings appended one by one and read back by position, from any thread.

    The file has no name and is gone with the object; it lies in TMPDIR.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 20)  # noqa: SIM115 (lives as long as the object)
        weakref.finalize(self, self._file.close)
        self._ends = array.array("q", [0])

    def append(self, content: bytes) -> None:
        self._file.write(content)
        self._ends.append(self.size + len(content))

    def close_writing(self) -> None:
        """Must be called between an `append` and the next `read`."""
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def size(self) -> int:
        """Bytes appended so far."""
        return self._ends[-1]

    def read(self, position: int | np.integer) -> bytes:
        start, end = self._ends[int(position)], self._ends[int(position) + 1]
        return self.read_range(start, end - start)

    def read_range(self, start: int, length: int) -> bytes:
        """`length` bytes from byte `start` on, over the borders of what was appended."""
        content = os.pread(self._file.fileno(), length, start)
        if len(content) != length:
            raise OSError(f"read {len(content)} of {length} bytes of a temporary file; is the disk full?")
        return content
