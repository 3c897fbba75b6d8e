"""Reading every image file once when a set is opened: does it decode, how, and what is in it."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging
from PIL import Image

from sjft_tf import artifacts
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import MAX_PIXELS, is_plain, most_bytes, open_image, stored_image
from sjft_tf.images.decoding.formats import what_it_is
from sjft_tf.images.decoding.values import ValueRange, as_rgb, extent, tell
from sjft_tf.images.places import watching
from sjft_tf.images.places.paths import file_stats, read_bytes
from sjft_tf.images.places.walking import visible_name
from sjft_tf.images.sets.findings import Findings
from sjft_tf.images.sets.scan_results import ScanResult, ScanStore
from sjft_tf.progress import bar

_BLOCK = 64  # files handed to a thread at a time

Inspector = Callable[[Sequence[str], Sequence[tuple[int, int]], int, ValueRange | None], Iterable[ScanResult] | None]
"""Looks at files in place of this process: of paths, their stats, `max_pixels` and `given` the results in order.

None: it is better done here.
"""


@dataclasses.dataclass(frozen=True)
class ScannedFiles:
    """The files that decode.

    Attributes:
        positions: int [M], where they stand in the list that was scanned.
        plain: bool [M], see `decode.is_plain`.
        digests: uint8 [M, 32], SHA-256 of the files.
        files: what they were when they were checked.
    """

    positions: np.ndarray
    plain: np.ndarray
    digests: np.ndarray
    files: watching.Files


class FileScan:
    """How files are checked, and what was found bad.

    Args:
        bad_images: "error" (default) refuses a set with a file that does not decode, "skip" leaves the file out.
        max_pixels: an image whose header claims more is bad, and its pixels are never decoded.
        cache: a folder for results, so that unchanged files (path, size, time) are not read again. Default: none.
        given: what is black and white among values of more than 8 bits. Default: what their type says.
        elsewhere: who looks at files that are not in the cache. Default: threads of this process.

    Attributes:
        cache: as given.
        max_pixels: as given.
        given: as given.
        skips: bad files are left out rather than refused.
        bad: the (path, reason) pairs left out so far.
        found: what the opener of the present set found beside the images.
    """

    def __init__(
        self,
        bad_images: str = "error",
        cache: Path | None = None,
        max_pixels: int = MAX_PIXELS,
        given: ValueRange | None = None,
        elsewhere: Inspector | None = None,
    ) -> None:
        if bad_images not in ("error", "skip"):
            raise InputError(f"`bad_images` must be 'error' or 'skip'. Received: {bad_images!r}")
        self.skips = bad_images == "skip"
        self.cache = cache
        self.max_pixels = max_pixels
        self.given = given
        self._elsewhere = elsewhere
        self.bad: list[tuple[str, str]] = []
        self.found = Findings()

    def files(
        self, paths: Sequence[str], key: str, description: str, stats: Sequence[tuple[int, int]] | None = None
    ) -> ScannedFiles:
        """Looks at every file, in parallel.

        Args:
            paths: absolute or remote paths.
            key: what the list is, the same from run to run; names the file in the cache.
            description: for the progress bar.
            stats: `file_stats` of the paths, where the caller has them.

        Raises:
            InputError: a file does not decode and `bad_images` is "error".
        """
        stats = file_stats(paths) if stats is None else stats
        results = self._look(paths, stats, key, description)
        self.report_bad([(path, one.error) for path, one in zip(paths, results, strict=True) if one.error], len(paths))
        deep = [one for one in results if one.extent is not None and not one.error]
        tell(description, [one.extent for one in deep if one.extent is not None], self.given or _declared(deep))
        positions = np.array([i for i, one in enumerate(results) if not one.error], np.int64)
        return ScannedFiles(
            positions,
            np.array([results[i].plain for i in positions], bool),
            np.frombuffer(b"".join(results[i].digest for i in positions), np.uint8).reshape(-1, 32),
            watching.remember(key, [paths[i] for i in positions], [stats[i] for i in positions]),
        )

    def report_bad(self, bad: Sequence[tuple[str, str]], total: int) -> None:
        """Refuses or takes note of the (path, reason) pairs found bad among `total` images."""
        if not bad:
            return
        path, reason = visible_name(bad[0][0]), bad[0][1]
        if not self.skips:
            raise InputError(
                f"{path} cannot be decoded: {reason} ({len(bad)} such image(s) among {total}). "
                "Repair or remove them, or use --bad_images=skip to leave them out."
            )
        logging.warning(
            "%d of %d images cannot be decoded and are left out, e.g. %s: %s", len(bad), total, path, reason
        )
        self.bad.extend(bad)

    def write_report(self, path: Path | None) -> None:
        """Lists the files left out as CSV: path, reason. Without any, an old list is removed."""
        if path is None:
            return
        if not self.bad:
            path.unlink(missing_ok=True)
            return
        with artifacts.atomic_write(path, "w") as stream:
            rows = Writer(stream)
            rows.writerow(["path", "reason"])
            rows.writerows((visible_name(path), reason) for path, reason in self.bad)

    def _look(
        self, paths: Sequence[str], stats: Sequence[tuple[int, int]], key: str, description: str
    ) -> list[ScanResult]:
        name = f"scan_{artifacts.fingerprint(key)}.npz"
        store = ScanStore(self.cache / name, self.max_pixels, self.given) if self.cache else None
        known = store.read() if store else {}
        results = [known.get((path, *stat)) for path, stat in zip(paths, stats, strict=True)]
        missing = [i for i, one in enumerate(results) if one is None]
        unknown = [paths[i] for i in missing]
        inspected = None
        if self._elsewhere is not None:
            inspected = self._elsewhere(unknown, [stats[i] for i in missing], self.max_pixels, self.given)
        if inspected is None:
            inspected = inspect_files(unknown, self.max_pixels, self.given)
        with bar(len(missing), description) as shown:
            for i, one in zip(missing, inspected, strict=True):
                results[i] = one
                shown.update(1)
        complete = [one for one in results if one is not None]
        if store and missing:
            store.write(paths, stats, complete)
        return complete


def _declared(deep: Sequence[ScanResult]) -> ValueRange | None:
    return next((one.declared for one in deep if one.declared is not None), None)


def inspect_files(
    paths: Sequence[str], max_pixels: int = MAX_PIXELS, given: ValueRange | None = None
) -> Iterator[ScanResult]:
    """`inspect_file` of every file, in order, in threads."""

    def inspected(block: Sequence[str]) -> list[ScanResult]:
        return [inspect_file(path, max_pixels, given) for path in block]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in pool.map(inspected, [paths[i : i + _BLOCK] for i in range(0, len(paths), _BLOCK)]):
            yield from done


def inspect_file(path: str, max_pixels: int = MAX_PIXELS, given: ValueRange | None = None) -> ScanResult:
    """Reads and inspects one file; what goes wrong is in the result."""
    try:
        encoded = read_bytes(path, most_bytes(max_pixels))
    except OSError as error:
        return ScanResult(False, bytes(32), str(error.strerror or error))
    return inspect_image(encoded, max_pixels, given)


def inspect_image(encoded: bytes, max_pixels: int = MAX_PIXELS, given: ValueRange | None = None) -> ScanResult:
    """Whether encoded bytes decode, by which decoder, and their digest; the one rule for training and prediction.

    Args:
        encoded: the file's bytes.
        max_pixels: an image whose header claims more does not decode.
        given: see `decode.decode_image`.
    """
    digest = hashlib.sha256(encoded).digest()
    try:
        with open_image(encoded, max_pixels) as image:
            if is_plain(image, encoded) and _tensorflow_decodes(encoded, image.format == "PNG"):
                return ScanResult(True, digest)
            stored = stored_image(image, encoded, given)
            as_rgb(stored, given)
    except Exception as error:  # Pillow raises a dozen types on damaged files
        return ScanResult(False, digest, _reason(error, encoded))
    if stored.values.dtype == np.uint8:
        return ScanResult(False, digest)
    return ScanResult(False, digest, "", extent(stored.color), stored.declared)


def _reason(error: Exception, encoded: bytes) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        said = what_it_is(encoded)
        return f"it is {said}" if said else "not an image in a known format"
    return " ".join(str(error).split()) or type(error).__name__


def _tensorflow_decodes(encoded: bytes, png: bool) -> bool:
    # An eighth of a JPEG's resolution takes the whole file to be read but little of the arithmetic.
    try:
        tf.io.decode_png(encoded) if png else tf.io.decode_jpeg(encoded, channels=3, ratio=8)
    except tf.errors.InvalidArgumentError:
        return False
    return True
