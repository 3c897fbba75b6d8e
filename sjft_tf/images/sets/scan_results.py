"""What one look at every file of a list told: in memory, as arrays, and kept so that it need not be done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.schema import Array, Schema

JUDGMENT = 4  # raise when `inspect_image` comes to judge files differently


@dataclasses.dataclass(frozen=True)
class ScanResult:
    """What one look at a file tells.

    Attributes:
        plain: see `decode.is_plain`.
        digest: SHA-256.
        error: why it does not decode, "" where it does.
        extent: the smallest and the largest value of an image of more than 8 bits; None for one of 8.
        declared: what is black and white by the type of such values, None where it says nothing.
    """

    plain: bool
    digest: bytes
    error: str = ""
    extent: ValueRange | None = None
    declared: ValueRange | None = None


_NONE = (1.0, 0.0)  # in place of a range
_TEXT, _PER_FILE = Array("uint8", ("bytes",)), ("files",)
SCAN_ARRAYS = {
    "errors": Array("uint8", ("bytes of errors",)),
    "plain": Array("bool", _PER_FILE),
    "digests": Array("uint8", ("bytes of digests",)),
    "values": Array("float64", ("files", 4)),
}
"""What `scan_arrays` gives."""
_SCHEMA = Schema(
    {**SCAN_ARRAYS, "paths": _TEXT, "sizes": Array("int64", _PER_FILE), "times": Array("int64", _PER_FILE)},
    {"made_by": [float]},
)


def scan_arrays(results: Sequence[ScanResult]) -> dict[str, np.ndarray]:
    """Results as arrays for a file; at least one."""
    return {
        "errors": _text([one.error.replace("\0", "") for one in results]),
        "plain": np.array([one.plain for one in results], bool),
        "digests": np.frombuffer(b"".join(one.digest for one in results), np.uint8),
        "values": np.array([(*(one.extent or _NONE), *(one.declared or _NONE)) for one in results], np.float64).reshape(
            -1, 4
        ),
    }


def scan_results(arrays: Mapping[str, np.ndarray]) -> list[ScanResult]:
    """The inverse of `scan_arrays`.

    Raises:
        ValueError: the arrays are of different numbers of files.
    """
    digests = arrays["digests"].tobytes()
    if len(digests) != 32 * len(arrays["plain"]):
        raise ValueError("digests of other files")
    return [
        ScanResult(plain, digest, error, _range(*values[:2]), _range(*values[2:]))
        for plain, digest, error, values in zip(
            arrays["plain"].tolist(),
            [digests[i : i + 32] for i in range(0, len(digests), 32)],
            _texts(arrays["errors"]),
            arrays["values"].tolist(),
            strict=True,
        )
    ]


def _text(values: Sequence[str]) -> np.ndarray:
    return np.frombuffer("\0".join(values).encode("utf-8", "surrogateescape"), np.uint8)


def _texts(array: np.ndarray) -> list[str]:
    return array.tobytes().decode("utf-8", "surrogateescape").split("\0")


def _range(low: float, high: float) -> ValueRange | None:
    return None if low > high else ValueRange(low, high)


class ScanStore:
    """Scan results of one list of files on disk.

    Args:
        path: the file.
        max_pixels, given: by which they were judged, see `FileScan`.
    """

    _MADE_BY = JUDGMENT

    def __init__(self, path: Path, max_pixels: int, given: ValueRange | None) -> None:
        self._path = path
        self._made_by = [float(number) for number in (self._MADE_BY, max_pixels, *(given or ()))]

    def read(self) -> dict[tuple[str, int, int], ScanResult]:
        """Results by path, size and time; none where the file is damaged, or judged otherwise."""
        try:
            arrays, meta = artifacts.load_npz(self._path, _SCHEMA)
        except FileNotFoundError:
            return {}
        except InputError as error:
            logging.warning("%s The files are scanned again.", error)
            return {}
        if meta["made_by"] != self._made_by:
            return {}
        try:
            keys = zip(_texts(arrays["paths"]), arrays["sizes"].tolist(), arrays["times"].tolist(), strict=True)
            return dict(zip(keys, scan_results(arrays), strict=True))
        except ValueError:
            logging.warning("%s is damaged: it is of other files. The files are scanned again.", self._path)
            return {}

    def write(self, paths: Sequence[str], stats: Sequence[tuple[int, int]], results: Sequence[ScanResult]) -> None:
        """Keeps the results of these files."""
        arrays = {
            **scan_arrays(results),
            "paths": _text(paths),
            "sizes": np.array([size for size, _ in stats], np.int64),
            "times": np.array([time for _, time in stats], np.int64),
        }
        artifacts.save_npz(self._path, arrays, {"made_by": self._made_by})
