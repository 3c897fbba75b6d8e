"""Many encoded images in one temporary file instead of memory."""

from __future__ import annotations

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
        self._ends = [0]

    def append(self, content: bytes) -> None:
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))

    def close_writing(self) -> None:
        """Must be called between the last `append` and the first `read`."""
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def read(self, position: int | np.integer) -> bytes:
        start, end = self._ends[int(position)], self._ends[int(position) + 1]
        content = os.pread(self._file.fileno(), end - start, start)
        if len(content) != end - start:
            raise OSError(f"read {len(content)} of {end - start} bytes of a temporary file; is the disk full?")
        return content
