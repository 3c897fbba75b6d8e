"""`tfrecord`: images kept as tf.train.Example records in TFRecord shards."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.examples import Features, find_features, name_classes, parse_example
from sjft_tf.images.kinds.layout import likely_role
from sjft_tf.images.kinds.record_lengths import ShardContent
from sjft_tf.images.kinds.shards import Index, RecordFile, copy_uncompressed, index, records
from sjft_tf.images.places import watching
from sjft_tf.images.places.beside import files_beside
from sjft_tf.images.places.paths import MISSING, file_stats, folder_of, join, read_bytes, read_range, reason
from sjft_tf.images.places.spec import Options, Spec
from sjft_tf.images.places.spool import Spool
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.findings import Findings
from sjft_tf.images.sets.identity import identities_of
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.loaders import EncodedImages, python_reader
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.progress import bar

_SHARD = re.compile(r"\.tfrecords?\b|-of-\d+$|-of-\d+\.")
_NUMBERS = re.compile(r"[-_.]?\d+-of-\d+")
_WILDCARDS = re.compile(r"[*?\[{]")


@dataclasses.dataclass(frozen=True)
class TfrecordOptions(Options):
    """See `open_tfrecord`."""

    image: str = ""
    label: str = ""
    id: str = ""
    classes: str = ""
    first_label: str = "auto"
    compression: str = ""


@dataclasses.dataclass(frozen=True)
class _ByteRanges:
    """Where the encoded images lie: 16 bytes an image.

    Args:
        paths: of the shards.
        contents: of the shards; those without a spool are read from their files.
        shard_of: int32 [N], the shard of each image.
        starts: int64 [N], the first byte; lengths: int32 [N], bytes.
    """

    paths: Sequence[str]
    contents: Sequence[ShardContent]
    shard_of: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def read(self, row: int) -> bytes:
        shard, start, length = int(self.shard_of[row]), int(self.starts[row]), int(self.lengths[row])
        content = self.contents[shard]
        if content.spool is not None:
            return content.spool.read_range(content.base + start, length)
        encoded = read_range(self.paths[shard], start, length)
        if len(encoded) != length:
            raise OSError(f"{self.paths[shard]} is shorter than when it was checked")
        return encoded


def open_tfrecord(spec: Spec, scan: FileScan) -> ImageSet:
    """`tfrecord:GLOB[?image=FEATURE&label=FEATURE&id=FEATURE&classes=FILE&first_label=0|1&compression=GZIP]`.

    GLOB names the shards, e.g. /data/imagenet/train-*-of-01024, on the disk or any file system TensorFlow knows.
    Features are by default those of slim's ImageNet (image/encoded, image/class/label) or of TensorFlow Datasets
    (image, label). Labels are text, or integers called by image/class/synset or image/class/text where those tell
    them apart, by the lines of `classes`, or by the file LABEL.labels.txt that TensorFlow Datasets leaves beside its
    shards. Ids are "SHARD/000123" by default. Every shard is read once, its checksums are verified and its images
    decoded; images are then read from where they are. Compressed shards are copied uncompressed into TMPDIR.
    """
    options = spec.read_options(TfrecordOptions)
    compressed = _is_compressed(spec, options.compression)
    if spec.split:
        raise InputError(f"'{spec}': shards have no splits. Name those of one in the pattern, e.g. DIR/train-*")
    shards, name, origin = _shards(spec, compressed), _name(spec), folder_of(_WILDCARDS.split(spec.location)[0])
    features = _features(spec, shards, options)
    given, first, names = _given_names(spec, shards, features, options)
    _note(scan.found, [shard.path for shard in shards], names)
    indices, contents = _indices(shards, features, scan, name)
    _report_bad(spec, scan, shards, indices)
    good = [one.take(one.good) for one in indices]
    relative = [shard.path[len(origin) :].lstrip("/") for shard in shards]
    numbered = [
        np.array([f"{at}/{i:06d}" for i in one.good])
        for at, one in zip(relative, indices, strict=True)
        if len(one.good)
    ]
    positions = np.concatenate(numbered)
    ranges = _ByteRanges(
        [shard.path for shard in shards],
        contents,
        np.repeat(np.arange(len(shards), dtype=np.int32), [len(one) for one in good]),
        np.concatenate([one.starts for one in good]),
        np.concatenate([one.lengths for one in good]),
    )
    # Of compressed shards there is a copy.
    used = [] if compressed else shards
    key = f"tfrecord:{spec.location}"
    files = watching.remember(key, [shard.path for shard in used], [(shard.size, shard.time) for shard in used])
    class_names, labels = _classes(spec, good, features.number, given, first)
    load = EncodedImages.of(python_reader(ranges.read), np.concatenate([one.plain for one in good]))
    return ImageSet(
        name,
        [i for one in good for i in one.ids] if features.id else positions,
        labels,
        class_names,
        ImageContents(load, np.concatenate([one.digests for one in good]), files=[files]),
        origin=origin,
        # By position even where ids are given: the same file name in two splits is not the same image.
        identities=identities_of(origin, positions.tolist()),
    )


def _note(found: Findings, shards: Sequence[str], names: str) -> None:
    """What is to be told of the folder: the splits that its shards are named after, and its other files."""
    others = files_beside(shards, [names]).others
    splits = {_stem(path) for path in [*shards, *others] if _SHARD.search(path)}
    found.splits = sorted(stem for stem in splits if likely_role(stem) is not None)
    left = (path for path in others if not (_SHARD.search(path) and _stem(path) in found.splits))
    found.passed.count(_NUMBERS.sub("", path) for path in left)


def _stem(path: str) -> str:
    """What the shards of one split have in common: "train" of DIR/train-00000-of-01024."""
    return _NUMBERS.sub("", path.rpartition("/")[2].split(".tfrecord")[0]).rstrip("-_.")


def _report_bad(spec: Spec, scan: FileScan, shards: Sequence[RecordFile], indices: Sequence[Index]) -> None:
    bad = [
        (f"{shard.path}, record {i}", why)
        for shard, one in zip(shards, indices, strict=True)
        for i, why in one.errors.items()
    ]
    total = sum(len(one) for one in indices)
    scan.report_bad(bad, total)
    if len(bad) == total:
        raise InputError(f"'{spec}': none of its {total} images can be decoded")


def _is_compressed(spec: Spec, text: str) -> bool:
    if text.upper() not in ("", "NONE", "GZIP"):
        raise InputError(f"'{spec}': option 'compression' must be GZIP or NONE. Received: {text!r}")
    return text.upper() == "GZIP"


def _name(spec: Spec) -> str:
    """What the pattern says before its first wildcard ("train" of /data/train-*-of-01024), or else its folder."""
    folder, _, last = spec.location.rpartition("/")
    stem = _WILDCARDS.split(last)[0].split(".tfrecord")[0].rstrip("-_.")
    return stem or _WILDCARDS.split(folder.rpartition("/")[2])[0] or "tfrecord"


def _shards(spec: Spec, compressed: bool) -> list[RecordFile]:
    pattern = spec.location
    try:
        paths = sorted(tf.io.gfile.glob(pattern))
        stats = file_stats(paths)
    except tf.errors.OpError as error:
        raise InputError(f"'{spec}': {pattern} cannot be listed ({reason(error)})") from error
    except OSError as error:
        raise InputError(f"'{spec}': {error}") from error
    shards = [
        RecordFile(path, size, time, compressed)
        for path, (size, time) in zip(paths, stats, strict=True)
        if (size, time) != MISSING
    ]
    if not shards:
        raise InputError(f"'{spec}': no file matches {pattern}. Expected shards, e.g. DIR/train-*.tfrecord")
    return shards


def _features(spec: Spec, shards: Sequence[RecordFile], options: TfrecordOptions) -> Features:
    for shard in shards:
        for _, record in records(shard, most=1):
            where = f"{shard.path}, record 0"
            return find_features(parse_example(record, where), where, options.image, options.label, options.id)
    raise InputError(f"'{spec}': its {len(shards)} shard(s) hold no records")


def _indices(
    shards: Sequence[RecordFile], features: Features, scan: FileScan, name: str
) -> tuple[list[Index], list[ShardContent]]:
    spool = Spool() if shards[0].compressed else None
    if spool is not None:
        logging.warning(
            "%s: compressed shards cannot be read at random. All %d are copied uncompressed into a temporary file, at "
            "every start; uncompress them to spare that.",
            name,
            len(shards),
        )
    indices, contents = [], []
    with bar(len(shards), f"Checking {name}", " shards") as shown, concurrent.futures.ThreadPoolExecutor() as pool:
        for shard in shards:
            content = ShardContent(shard.size) if spool is None else _unpacked(shard, spool)
            contents.append(content)
            indices.append(index(shard, content, features, pool, scan.cache, scan.max_pixels, scan.given))
            shown.update(1)
    return indices, contents


def _unpacked(shard: RecordFile, spool: Spool) -> ShardContent:
    base = spool.size
    return ShardContent(copy_uncompressed(shard, spool), spool, base)


def _given_names(
    spec: Spec, shards: Sequence[RecordFile], features: Features, options: TfrecordOptions
) -> tuple[list[str] | None, int | None, str]:
    """Names of all classes and number of the first, None where it is to be found out; the file that has them, or ""."""
    text = options.first_label
    if text not in ("auto", "0", "1"):
        raise InputError(f"'{spec}': option 'first_label' must be 0, 1 or auto. Received: {text!r}")
    first = None if text == "auto" else int(text)
    beside = join(folder_of(shards[0].path), f"{features.label}.labels.txt")
    if options.classes:
        path = Spec("classes", options.classes).location
    elif features.number and file_stats([beside]) != [MISSING]:
        path, first = beside, first or 0
    elif first is not None:
        raise InputError(f"'{spec}': option 'first_label' needs 'classes', the file with the names")
    else:
        return None, None, ""
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"'{spec}': the class names cannot be read from {path} ({error})") from error
    return [line.strip() for line in lines if line.strip()], first, path


def _classes(
    spec: Spec, indices: Sequence[Index], number: bool, given: list[str] | None, first: int | None
) -> tuple[list[str], np.ndarray]:
    """Class names and the label of every image."""
    codes: dict[tuple[str, ...], int] = {}
    renumbered = []
    for one in indices:
        used = np.unique(one.codes)
        table = np.zeros(len(one.names), np.int32)
        table[used] = [codes.setdefault(one.names[code], len(codes)) for code in used]
        renumbered.append(table[one.codes])
    names, classes = name_classes(list(codes), number, given, first, str(spec))
    return names, classes[np.concatenate(renumbered)]
