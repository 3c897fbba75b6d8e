"""From annotations, of whatever format, to an `ObjectSet`: files checked, boxes held against their images."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.decoding.decode import open_image
from sjft_tf.images.decoding.orientation import orientation_of
from sjft_tf.images.kinds.folder import file_loader
from sjft_tf.images.kinds.tables import numbered
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.places.paths import MISSING, file_stats, read_bytes
from sjft_tf.images.places.spec import Spec
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan

Box = tuple[float, float, float, float]
_TURNED = 5  # orientations of EXIF from this one on swap width and height


@dataclasses.dataclass(frozen=True)
class Annotated:
    """An object as it is written down: its class, x0, y0, x1, y1 in pixels (None: somewhere), and where it stands."""

    label: str
    box: Box | None
    place: str


@dataclasses.dataclass
class AnnotatedImage:
    """A file and what is said of it.

    Attributes:
        id: its name within the set.
        path: where it lies, absolute or remote.
        place: where it is listed, for messages.
        objects: those in it.
        size: width and height as the annotation has them; None where it does not say.
    """

    id: str
    path: str
    place: str
    objects: list[Annotated] = dataclasses.field(default_factory=list)
    size: tuple[int, int] | None = None


class Told:
    """What was left out or changed, by what it is, for the line that is told at opening."""

    def __init__(self, skips: bool) -> None:
        self._skips, self._counts = skips, Counter[str]()

    def count(self, what: str) -> None:
        """One more of these."""
        self._counts[what] += 1

    def bad(self, error: InputError, what: str) -> None:
        """Refuses, or counts where bad ones are to be left out."""
        if not self._skips:
            raise InputError(f"{error} Repair it, or use --bad_images=skip to leave such objects out.")
        self.count(what)

    def words(self) -> list[str]:
        """For the opening line."""
        return [f"{count} {what}" for what, count in sorted(self._counts.items())]


def box_of(cells: Sequence[object], place: str) -> Box:
    """Four numbers as x0, y0, x1, y1.

    Raises:
        InputError: they are not numbers, or no box.
    """
    try:
        x0, y0, x1, y1 = (float(cell) for cell in cells)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        x0 = y0 = x1 = y1 = math.nan
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 <= x0 or y1 <= y0:
        shown = ", ".join(str(cell)[:30] for cell in cells)
        raise InputError(f"{place}: a box must be x0, y0, x1, y1 with x0 < x1 and y0 < y1. Received: {shown}.")
    return x0, y0, x1, y1


def build_set(
    name: str, spec: Spec, listed: Sequence[AnnotatedImage], scan: FileScan, origin: str, told: Told
) -> ObjectSet:
    """Checks files and boxes.

    Args:
        name: of the set.
        spec: for messages and the cache of checked files.
        listed: the images in their order.
        scan: how files are checked.
        origin: the folder that ids begin at.
        told: what readers left out so far.

    Raises:
        InputError: no images; a file is missing or does not decode, a box does not lie in its image, the annotation is
            of an image of another size; unless bad ones are left out.
    """
    if not listed:
        raise InputError(f"'{spec}' lists no images. Expected at least one.")
    listed = _present(listed, scan)
    scanned = scan.files([one.path for one in listed], f"objects:{spec}", f"Checking {name}")
    if not len(scanned.positions):
        raise InputError(f"'{spec}': none of its {len(listed)} images can be decoded")
    kept = [listed[i] for i in scanned.positions]
    boxed = _all_or_none(spec, kept)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sizes = list(pool.map(lambda one: upright_size(one.path), kept)) if boxed else [(0, 0)] * len(kept)
    rows, labels, boxes = [], [], []
    for row, (image, size) in enumerate(zip(kept, sizes, strict=True)):
        for one in _within(image, size, told) if boxed else image.objects:
            rows.append(row)
            labels.append(one.label)
            boxes.append(one.box)
    class_names, classes = numbered(labels)
    loader = file_loader([one.path for one in kept], scanned.plain)
    images = ImageSet(
        name,
        [one.id for one in kept],
        np.zeros(len(kept), np.int32),
        ("image",),
        ImageContents(loader, scanned.digests, files=[scanned.files]),
        origin=origin,
    )
    found = np.array(boxes, np.float32).reshape(-1, 4) if boxed else None
    return ObjectSet(images, tuple(class_names), np.array(rows, np.int32), classes, found)


def _present(listed: Sequence[AnnotatedImage], scan: FileScan) -> list[AnnotatedImage]:
    stats = file_stats([one.path for one in listed])
    there = [one for one, stat in zip(listed, stats, strict=True) if stat != MISSING]
    missing = [one for one, stat in zip(listed, stats, strict=True) if stat == MISSING]
    if missing and (not scan.skips or not there):
        raise InputError(
            f"{missing[0].place}: there is no file {missing[0].path} ({len(missing)} such image(s) among "
            f"{len(listed)}). Say where images lie with ?images=DIR, or leave such images out with --bad_images=skip"
        )
    scan.report_bad([(one.path, f"no such file ({one.place})") for one in missing], len(listed))
    return there


def _all_or_none(spec: Spec, images: Sequence[AnnotatedImage]) -> bool:
    objects = [one for image in images for one in image.objects]
    without = [one for one in objects if one.box is None]
    if without and len(without) < len(objects):
        raise InputError(
            f"{without[0].place}: an object without a box, where others have one ({len(without)} of {len(objects)} in "
            f"'{spec}'). Give every object a box, or none"
        )
    return not without


def upright_size(path: str) -> tuple[int, int]:
    """Width and height of an image as it is shown."""
    encoded = read_bytes(path)
    with open_image(encoded, max_pixels=0) as image:
        width, height = image.size
    return (height, width) if orientation_of(encoded) >= _TURNED else (width, height)


def _within(image: AnnotatedImage, size: tuple[int, int], told: Told) -> Sequence[Annotated]:
    """The objects of an image, cut at its border."""
    if image.size is not None and image.size != size:
        shown = "{} x {} pixels, and {} has {} x {}".format(*image.size, image.path, *size)
        told.bad(InputError(f"{image.place} is of an image of {shown}."), "image(s) of another size than annotated")
        return []
    kept = []
    for one in image.objects:
        x0, y0, x1, y1 = one.box or (0.0, 0.0, 0.0, 0.0)
        cut = (max(0.0, x0), max(0.0, y0), min(float(size[0]), x1), min(float(size[1]), y1))
        if cut[2] <= cut[0] or cut[3] <= cut[1]:
            said = f"{one.place}: the box {x0:g}, {y0:g}, {x1:g}, {y1:g} lies outside of its image of "
            told.bad(InputError(said + f"{size[0]} x {size[1]} pixels."), "box(es) outside of their image left out")
            continue
        if cut != one.box:
            told.count("box(es) cut at the border of their image")
        kept.append(dataclasses.replace(one, box=cut))
    return kept


Reader = Callable[[Spec, FileScan], ObjectSet]
"""Opens a set of one format."""
