"""Opening images with objects from their text form."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from sjft_tf.images.decoding.decode import MAX_PIXELS
from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.objects.annotations import Reader
from sjft_tf.images.objects.box_table import box_splits, open_boxes
from sjft_tf.images.objects.coco import open_coco
from sjft_tf.images.objects.object_set import ObjectSet, by_image_labels
from sjft_tf.images.objects.scenes import SPLITS, open_scenes
from sjft_tf.images.objects.voc import open_voc, voc_splits
from sjft_tf.images.places.spec import Spec, by_role, parse, with_splits
from sjft_tf.images.sets.findings import some
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.images.sources import default_splits, open_image_set

log = logging.getLogger(__name__)

OBJECT_READERS: dict[str, Reader] = {
    "scenes": open_scenes,
    "coco": open_coco,
    "voc": open_voc,
    "boxes": open_boxes,
}
_SPLITS: dict[str, Callable[[Spec], Iterable[str]]] = {
    "scenes": lambda spec: SPLITS,
    "voc": voc_splits,
    "boxes": box_splits,
}


def open_objects(
    spec: str,
    *,
    bad_images: str = "error",
    cache: Path | None = None,
    report: Path | None = None,
    max_pixels: int = MAX_PIXELS,
    tell: Callable[[str], object] = log.info,
    value_range: tuple[float, float] | None = None,
) -> ObjectSet:
    """Opens a set with boxes ("scenes", "coco:FILE", "voc:DIR", "boxes:FILE"), or any other by its labels.

    Args:
        spec: what to open; kinds without boxes are those of `open_image_set`, with one class an image.
        bad_images, cache, report, max_pixels, tell, value_range: as of `open_image_set`; objects whose boxes are wrong
            are left out with the bad images.

    Raises:
        InputError: with what came, what was expected and what to do.

    Example:
        >>> len(open_objects("scenes#test?n=20"))
        20
    """
    parsed = parse(spec)
    if parsed.kind not in OBJECT_READERS:
        reading = {"bad_images": bad_images, "max_pixels": max_pixels, "value_range": value_range}
        return by_image_labels(open_image_set(spec, cache=cache, report=report, tell=tell, **reading))  # type: ignore[arg-type]
    given = None if value_range is None else ValueRange(*value_range)
    scan = FileScan(bad_images, Path(cache) if cache is not None else None, max_pixels, given)
    objects = OBJECT_READERS[parsed.kind](parsed, scan)
    boxes = "with boxes" if objects.boxes is not None else "without boxes"
    line = (
        f"{objects.name}: {len(objects)} images, {len(objects.rows)} objects {boxes} of {objects.num_classes} classes"
    )
    parts = [f"{line} ({some(objects.class_names)})", *scan.found.understood]
    parts += [f"splits there: {', '.join(scan.found.splits)}"] if scan.found.splits else []
    tell("; ".join(parts))
    scan.write_report(Path(report) if report is not None else None)
    if given is None:
        return objects
    return ObjectSet(objects.images.scaled(given), objects.class_names, objects.rows, objects.classes, objects.boxes)


def object_splits(spec: str) -> dict[str, str]:
    """The sibling specs by role, as of `default_splits`."""
    parsed = parse(spec)
    if parsed.kind not in OBJECT_READERS:
        return default_splits(spec)
    if parsed.split is not None or parsed.kind not in _SPLITS:
        return {}
    return dict(with_splits(parsed, by_role(_SPLITS[parsed.kind](parsed))))
