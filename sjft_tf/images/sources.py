"""Opening image sets from their text form."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import MAX_PIXELS
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.kinds import digits, external, glyphs, labels_file, npz, tables, tfrecord
from sjft_tf.images.objects import box_table, coco, scenes, voc
from sjft_tf.images.objects.object_set import classes_alone
from sjft_tf.images.places.spec import Spec, by_role, parse, with_splits
from sjft_tf.images.sets.class_subset import of_classes, without_subset
from sjft_tf.images.sets.combine import concatenate
from sjft_tf.images.sets.findings import Findings, opening_line
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan, Inspector
from sjft_tf.images.sets.square import SQUASH

log = logging.getLogger(__name__)

# A new kind of source is one function here, and one in SPLITS if it comes in splits.
OPENERS: dict[str, Callable[[Spec, FileScan], ImageSet]] = {
    "folder": labels_file.open_folder_of_any_kind,
    "csv": tables.open_csv,
    "npz": npz.open_npz,
    "tfrecord": tfrecord.open_tfrecord,
    "tfds": external.open_tfds,
    "keras": external.open_keras,
    "digits": digits.open_digits,
    "glyphs": glyphs.open_glyphs,
    # Boxes: here an image has the classes of its objects.
    "scenes": classes_alone(scenes.open_scenes),
    "coco": classes_alone(coco.open_coco),
    "voc": classes_alone(voc.open_voc),
    "boxes": classes_alone(box_table.open_boxes),
}

# Names of splits; a mapping says what each serves as by the role, where names alone do not.
SPLITS: dict[str, Callable[[Spec], Iterable[str] | Mapping[str, str]]] = {
    "folder": labels_file.splits_of_any_kind,
    "csv": tables.csv_splits,
    "npz": npz.npz_splits,
    "tfds": external.tfds_splits,
    "keras": lambda spec: external.KERAS_SPLITS,
    "digits": lambda spec: digits.SPLITS,
    "scenes": lambda spec: scenes.SPLITS,
    "voc": voc.voc_splits,
    "boxes": box_table.box_splits,
}


def _parse(text: str) -> Spec:
    spec = parse(text)
    if spec.kind not in OPENERS:
        hint = f" A folder of images is opened with folder:{text}" if "/" in text and ":" not in text else ""
        raise InputError(f"'{text}': unknown kind '{spec.kind}'. Kinds: {', '.join(OPENERS)}.{hint}")
    return spec


def open_image_set(
    spec: str,
    *,
    bad_images: str = "error",
    cache: Path | None = None,
    report: Path | None = None,
    max_pixels: int = MAX_PIXELS,
    tell: Callable[[str], object] = log.info,
    value_range: tuple[float, float] | None = None,
    aspect_ratio: str = SQUASH,
    elsewhere: Inspector | None = None,
) -> ImageSet:
    """Opens `KIND:REST[#split][?key=value&...]`, e.g. "folder:/data/flowers#train" or "glyphs?n=8000".

    Args:
        spec: what to open; the kinds are those of `OPENERS`, each with its docstring. Of every kind `only_classes=a,b`
            or `only_classes=@FILE` takes these classes alone, see `class_subset.of_classes`.
        bad_images: what to do about files that cannot be decoded: "error" (default) or "skip".
        cache: folder where the results of checking files are kept, so that unchanged files are read only once.
        report: CSV file (path, reason) that lists the files left out.
        max_pixels: an image whose header claims more cannot be decoded.
        tell: takes the line that says what was understood, see `opening_line`; default: the log.
        value_range: the values that are black and white in images of more than 8 bits; None (default): all of 16 bits,
            0 and 1 of floats.
        aspect_ratio: "crop" or "pad" brings wide and tall images to squares that show them undistorted, see
            `square.squared`; "squash" (default): views squash them.
        elsewhere: who checks files that are not in the cache, in place of this process.

    Raises:
        InputError: with what came, what was expected and what to do.
    """
    return open_source(
        [spec],
        bad_images=bad_images,
        cache=cache,
        report=report,
        max_pixels=max_pixels,
        tell=tell,
        value_range=value_range,
        aspect_ratio=aspect_ratio,
        elsewhere=elsewhere,
    )


def open_source(
    specs: Sequence[str],
    *,
    bad_images: str = "error",
    cache: Path | None = None,
    report: Path | None = None,
    max_pixels: int = MAX_PIXELS,
    tell: Callable[[str], object] = log.info,
    value_range: tuple[float, float] | None = None,
    aspect_ratio: str = SQUASH,
    elsewhere: Inspector | None = None,
) -> ImageSet:
    """Opens several specs as one set, label spaces kept apart (see `concatenate`). Args as for `open_image_set`."""
    parsed = [_parse(spec) for spec in specs]
    given = None if value_range is None else ValueRange(*value_range)
    scan = FileScan(bad_images, Path(cache) if cache is not None else None, max_pixels, given, elsewhere)
    opened = []
    for one in parsed:
        scan.found, before = Findings(), len(scan.bad)
        whole, names = without_subset(one)
        images = OPENERS[one.kind](whole, scan)
        if names is not None:
            scan.found.classes_there = images.num_classes
            images = of_classes(images, names)
        opened.append(images)
        tell(opening_line(opened[-1], scan.found, len(scan.bad) - before))
    scan.write_report(Path(report) if report is not None else None)
    images = concatenate(opened)
    images = images if given is None else images.scaled(given)
    return images if aspect_ratio == SQUASH else images.squared(aspect_ratio)


def default_splits(spec: str) -> dict[str, str]:
    """The sibling specs of a set that comes in splits, by role: "train", "validation", "test".

    Returns:
        Those of the three that exist, always "train" among them; `{}` if the spec already names a split, or its set
        has no training split. `default_splits("digits?per_class=5")["test"]` is "digits#test?per_class=5".
    """
    parsed = _parse(spec)
    if parsed.split is not None or parsed.kind not in SPLITS:
        return {}
    splits = SPLITS[parsed.kind](without_subset(parsed)[0])
    return dict(with_splits(parsed, splits if isinstance(splits, Mapping) else by_role(splits)))
