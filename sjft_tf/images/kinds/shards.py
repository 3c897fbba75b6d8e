"""TFRecord shards that hold images: checked once, then read at random."""

from __future__ import annotations

import array
import collections
import concurrent.futures
import dataclasses
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import MAX_PIXELS
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.kinds.examples import Features, Labeled, parse_example, read_example
from sjft_tf.images.kinds.record_lengths import AFTER, BEFORE, GZIP_ERRORS, ShardContent, opened, walk
from sjft_tf.images.places.paths import read_range, reason
from sjft_tf.images.places.spool import Spool
from sjft_tf.images.sets.scan import inspect_image
from sjft_tf.images.sets.scan_results import JUDGMENT, ScanResult
from sjft_tf.schema import Array, Schema

_BLOCK = 64  # images handed to a thread at a time,
_BLOCK_BYTES = 8 << 20  # or so many bytes
_AHEAD = 4  # blocks in memory beside the one that is being filled
_CHUNK = 1 << 20
_BOMB_BYTES, _BOMB_RATIO = 1 << 28, 200  # encoded images hardly shrink at all
_SCHEMA = Schema(
    {
        "starts": Array("int64", ("records",), low=0),
        "lengths": Array("int32", ("records",), low=0),
        "plain": Array("bool", ("records",)),
        "digests": Array("uint8", ("records", 32)),
        "codes": Array("int32", ("records",), low=0),
    },
    {"made_from": dict, "names": [[str]], "errors": [list], "ids": [str]},
)
_ARRAYS = tuple(_SCHEMA.arrays)  # of an Index
_Inspect = Callable[[list[bytes]], list[ScanResult]]


@dataclasses.dataclass(frozen=True)
class RecordFile:
    """One file. `size` in bytes and `time` in ns are those of the file; `compressed`: with gzip."""

    path: str
    size: int
    time: int
    compressed: bool = False


@dataclasses.dataclass(frozen=True)
class Index:
    """What is in a shard, n records.

    Attributes:
        starts, lengths: int64 and int32 [n], the bytes of each encoded image, within the uncompressed shard.
        plain, digests: bool [n] and uint8 [n, 32], as in `scan.ScannedFiles`.
        codes: int32 [n], positions in `names`.
        names: the distinct `Labeled.names`.
        errors: why images do not decode, by record.
        ids: [n], or [] where no feature holds them.
    """

    starts: np.ndarray
    lengths: np.ndarray
    plain: np.ndarray
    digests: np.ndarray
    codes: np.ndarray
    names: list[tuple[str, ...]]
    errors: dict[int, str]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def good(self) -> np.ndarray:
        """The records whose images decode, int64, ascending."""
        return np.setdiff1d(np.arange(len(self)), list(self.errors))

    def take(self, rows: np.ndarray) -> Index:
        """The index of some records, of none with an error."""
        return Index(
            starts=self.starts[rows],
            lengths=self.lengths[rows],
            plain=self.plain[rows],
            digests=self.digests[rows],
            codes=self.codes[rows],
            names=self.names,
            errors={},
            ids=[self.ids[i] for i in rows] if self.ids else [],
        )


def records(
    shard: RecordFile, content: ShardContent | None = None, most: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """The records of a shard with the byte each begins at, their checksums verified by TensorFlow.

    TensorFlow makes room for the length a record claims, and dies of one of terabytes: lengths are compared with the
    file first, and only the records that fit are read.

    Args:
        shard: the file.
        content: the uncompressed shard, in a spool where it is compressed; None (default) does not check that the last
            record ends where it does.
        most: records to stop after; None: none.

    Raises:
        InputError: the shard cannot be read, is truncated or corrupt; names the record.
    """
    try:
        lengths = walk(shard.path, shard.compressed, content or ShardContent(shard.size), most)
    except GZIP_ERRORS as error:
        raise _damaged(shard, 0, 0, f"corrupt ({error})") from error
    except tf.errors.OpError as error:
        raise InputError(f"{shard.path} cannot be read: {reason(error)}") from error
    except OSError as error:
        raise InputError(f"{shard.path} cannot be read: {error.strerror or error}") from error
    dataset = tf.data.TFRecordDataset(shard.path, "GZIP" if shard.compressed else "", buffer_size=4 << 20)
    iterator, position, start = dataset.take(lengths.safe).as_numpy_iterator(), 0, 0
    while True:
        try:
            record = next(iterator, None)
        except tf.errors.DataLossError as error:
            raise _damaged(shard, position, start, "truncated" if "truncated" in str(error) else "corrupt") from error
        except tf.errors.OpError as error:
            raise InputError(f"{shard.path} cannot be read: {reason(error)}") from error
        if record is None:
            break
        yield start + BEFORE, record
        position, start = position + 1, start + BEFORE + len(record) + AFTER
    if lengths.fault:
        raise _damaged(shard, position, start, lengths.fault)
    # TensorFlow takes a file that ends within the first 12 bytes of a record for complete.
    if content is not None and start != content.size:
        raise _damaged(shard, position, start, "truncated")


def _damaged(shard: RecordFile, position: int, start: int, how: str) -> InputError:
    advice = "Write the shard again." if position else f"Expected TFRecord files{_compression_hint(shard)}"
    return InputError(f"{shard.path}, record {position} (from byte {start}) is {how}. {advice}")


def _compression_hint(shard: RecordFile) -> str:
    if shard.compressed:
        return "; is this one compressed with gzip?"
    if read_range(shard.path, 0, 2) == b"\x1f\x8b":
        return "; this one is compressed with gzip: add ?compression=GZIP"
    return ", not compressed; does the pattern name other files too?"


def copy_uncompressed(shard: RecordFile, spool: Spool) -> int:
    """Appends a gzip shard's content to the spool. Returns its size.

    Raises:
        InputError: it is not gzip, truncated or corrupt.
    """
    before = spool.size
    try:
        source = opened(shard.path)
    except (OSError, tf.errors.OpError) as error:
        raise InputError(f"{shard.path} cannot be read: {error}") from error
    with source as raw, gzip.GzipFile(fileobj=raw) as stream:
        while chunk := _next_chunk(shard, stream):
            spool.append(chunk)  # a full disk is no fault of the shard
            size = spool.size - before
            if size > _BOMB_BYTES and size > _BOMB_RATIO * shard.size:
                raise InputError(
                    f"{shard.path}: its {shard.size} bytes unpack to {size} and more; no images shrink so far. "
                    "Expected shards of encoded images"
                )
    spool.close_writing()
    return spool.size - before


def _next_chunk(shard: RecordFile, stream: gzip.GzipFile) -> bytes:
    try:
        return stream.read(_CHUNK)
    except (*GZIP_ERRORS, tf.errors.OpError, OSError) as error:
        raise InputError(f"{shard.path} cannot be decompressed with gzip: {error}") from error


def index(
    shard: RecordFile,
    content: ShardContent,
    features: Features,
    pool: concurrent.futures.Executor,
    cache: Path | None,
    max_pixels: int = MAX_PIXELS,
    given: ValueRange | None = None,
) -> Index:
    """Reads and checks a shard, or takes what is known of an unchanged one from the folder `cache`.

    `content` is the uncompressed shard, which a compressed one has in a spool; `given` as for `decode.decode_image`.
    """
    judgment = [JUDGMENT, max_pixels, *(given or ())]
    stamp: artifacts.Stamp = {
        "judgment": judgment,
        "shard": dataclasses.asdict(shard),
        "features": dataclasses.asdict(features),
    }
    path = cache / f"shard_{artifacts.fingerprint(shard.path, stamp['features'])}.npz" if cache else None
    scan = partial(_scan, shard, content, features, pool, partial(_inspect_all, max_pixels=max_pixels, given=given))
    return _cached(path, stamp).get(scan) if path else scan()


def _scan(
    shard: RecordFile,
    content: ShardContent,
    features: Features,
    pool: concurrent.futures.Executor,
    inspect: _Inspect,
) -> Index:
    # Typed arrays, because one shard may hold a million images.
    starts, lengths, codes, plain = (array.array(code) for code in "qiib")
    names: dict[tuple[str, ...], int] = {}
    ids: list[str] = []
    errors: dict[int, str] = {}
    digests = bytearray()

    def images() -> Iterator[bytes]:
        for position, (start, record) in enumerate(records(shard, content)):
            where = f"{shard.path}, record {position}"
            one: Labeled = read_example(parse_example(record, where), features, where)
            # The message holds the image as it is. If its bytes are there twice, one of them is as good as the other.
            starts.append(start + record.index(one.encoded))
            lengths.append(len(one.encoded))
            codes.append(names.setdefault(one.names, len(names)))
            if features.id:
                ids.append(one.id)
            yield one.encoded

    for position, result in enumerate(_inspected(images(), pool, inspect)):
        plain.append(result.plain)
        digests += result.digest
        if result.error:
            errors[position] = result.error
    return Index(
        np.array(starts, np.int64),
        np.array(lengths, np.int32),
        np.array(plain, bool),
        np.frombuffer(bytes(digests), np.uint8).reshape(-1, 32),
        np.array(codes, np.int32),
        list(names),
        errors,
        ids,
    )


def _inspected(images: Iterable[bytes], pool: concurrent.futures.Executor, inspect: _Inspect) -> Iterator[ScanResult]:
    """`inspect_image` of each image, in order, in the pool's threads; only a few blocks are in memory at a time."""
    waiting: collections.deque[concurrent.futures.Future[list[ScanResult]]] = collections.deque()
    for block in _blocks(images):
        waiting.append(pool.submit(inspect, block))
        if len(waiting) > _AHEAD:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _inspect_all(block: list[bytes], max_pixels: int, given: ValueRange | None) -> list[ScanResult]:
    return [inspect_image(encoded, max_pixels, given) for encoded in block]


def _blocks(images: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for encoded in images:
        block.append(encoded)
        size += len(encoded)
        if len(block) == _BLOCK or size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _cached(path: Path, stamp: artifacts.Stamp) -> artifacts.Artifact[Index]:
    """What is known of a shard, kept for the next start."""

    def load(path: Path) -> tuple[Index, artifacts.Stamp]:
        arrays, meta = artifacts.load_npz(path, _SCHEMA)
        try:
            return _known(arrays, meta["names"], meta["errors"], meta["ids"]), meta["made_from"]
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path} does not hold what it should ({error}). {artifacts.REMAKE}") from error

    def save(path: Path, known: Index, stamp: artifacts.Stamp) -> None:
        meta = {"made_from": stamp, "names": known.names, "errors": sorted(known.errors.items()), "ids": known.ids}
        artifacts.save_npz(path, {name: getattr(known, name) for name in _ARRAYS}, meta)

    return artifacts.Artifact(path, stamp, load, save, replaceable=True)


def _known(
    arrays: Mapping[str, np.ndarray], names: list[list[str]], errors: list[tuple[int, str]], ids: list[str]
) -> Index:
    known = Index(
        starts=arrays["starts"],
        lengths=arrays["lengths"],
        plain=arrays["plain"],
        digests=arrays["digests"],
        codes=arrays["codes"],
        names=[tuple(one) for one in names],
        errors={int(row): str(why) for row, why in errors},
        ids=ids,
    )
    if (n := len(known)) and not (known.codes.max() < len(names) and len(ids) in (0, n)):
        raise ValueError("names or ids of other lengths")
    if not set(known.errors) <= set(range(n)):
        raise ValueError("errors of other records")
    return known
