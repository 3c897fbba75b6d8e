"""`folder:PATH?labels=FILE`: a folder of images whose labels, several an image or none, stand in a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sjft_tf.errors import InputError
from sjft_tf.images.kinds import tables
from sjft_tf.images.kinds.folder import file_loader, folder_splits, open_folder
from sjft_tf.images.places.paths import file_stats
from sjft_tf.images.places.spec import Options, Spec, quoted
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.schema import Form, mismatch

_FORM: dict[str, Form] = {
    "images": [{"id": (int, str), "file_name": str}],
    "annotations": [{"image_id": (int, str), "category_id": (int, str)}],
    "categories": [{"id": (int, str), "name": str}],
}


@dataclasses.dataclass(frozen=True)
class _Options(Options):
    labels: str = ""


def open_folder_of_any_kind(spec: Spec, scan: FileScan) -> ImageSet:
    """`folder:PATH?labels=FILE`, or `open_folder` without that option.

    FILE is a path, from PATH on. A table is read as `csv:FILE?root=PATH` with the table's options beside it, among
    them `separator` (here | unless it or `classes` is given). A file that ends in `.json` has the form of COCO's
    instances: "images" with `id` and `file_name`, "categories" with `id` and `name`, "annotations" with `image_id`
    and `category_id`. Boxes and the like are not read: an image has the labels of all its annotations, each once.
    """
    if "labels" not in dict(spec.options):
        return open_folder(spec, scan)
    if _labels_file(spec).suffix.lower() == ".json":
        return _open_annotations(spec, scan)
    return tables.open_csv(_as_table(spec), scan)


def splits_of_any_kind(spec: Spec) -> Sequence[str] | Mapping[str, str]:
    """The splits that the table names; of COCO's form none, of other folders `folder_splits`."""
    if "labels" not in dict(spec.options):
        return folder_splits(spec)
    return [] if _labels_file(spec).suffix.lower() == ".json" else tables.csv_splits(_as_table(spec))


def _labels_file(spec: Spec) -> Path:
    if not spec.path.is_dir():
        raise InputError(f"'{spec}': there is no folder {spec.path}")
    path = spec.path / Path(dict(spec.options)["labels"]).expanduser()
    if not path.is_file():
        raise InputError(f"'{spec}': there is no file {path} (labels=, a path seen from the folder)")
    return path


def _as_table(spec: Spec) -> Spec:
    options = {key: value for key, value in spec.options if key != "labels"}
    if "classes" not in options:
        options.setdefault("separator", "|")
    options.setdefault("root", str(spec.path))
    return dataclasses.replace(spec, kind="csv", rest=str(_labels_file(spec)), options=tuple(options.items()))


def _open_annotations(spec: Spec, scan: FileScan) -> ImageSet:
    spec.read_options(_Options)
    root, path = spec.path, _labels_file(spec)
    if spec.split:
        raise InputError(f"'{spec}': a file of annotations has no splits. Give a file each: --target, --test")
    names, labels = _annotated(path)
    files = [str(root / name) for name in names]
    missing = [file for file, stat in zip(files, file_stats(files), strict=True) if stat[0] < 0]
    if missing:
        raise InputError(
            f"{path} names {len(missing)} images that are not below {root}, e.g. {missing[0]}. Name the folder that "
            f"its file names begin at: folder:DIR?labels={quoted(str(path))}"
        )
    scanned = scan.files(files, f"folder:{root}?labels={path}", f"Checking {path.stem}")
    kept = scanned.positions
    if not len(kept):
        raise InputError(f"'{spec}': none of its {len(files)} images can be decoded")
    classes, matrix = tables.several_numbered([labels[i] for i in kept])
    loader = file_loader([files[i] for i in kept], scanned.plain)
    contents = ImageContents(loader, scanned.digests, files=[scanned.files])
    return ImageSet(path.stem, [names[i] for i in kept], matrix, classes, contents, origin=str(root))


def _annotated(path: Path) -> tuple[list[str], list[list[str]]]:
    """The name of each image's file, and its labels."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    if (reason := mismatch(content, _FORM, "it")) is not None:
        raise InputError(f"{path} must have the form of COCO's annotations (images, annotations, categories): {reason}")
    categories = {one["id"]: one["name"] for one in content["categories"]}
    labels: dict[int | str, dict[str, None]] = {one["id"]: {} for one in content["images"]}
    names = [one["file_name"] for one in content["images"]]
    if len(labels) != len(names) or len(set(names)) != len(names):
        raise InputError(f"{path}: an image is listed twice. Expected each `id` and each `file_name` once")
    for number, one in enumerate(content["annotations"]):
        if one["image_id"] not in labels or one["category_id"] not in categories:
            raise InputError(
                f"{path}: annotation {number} is of image {one['image_id']!r} and category {one['category_id']!r}. "
                "Expected an `id` of images and one of categories"
            )
        labels[one["image_id"]][categories[one["category_id"]]] = None
    return names, [list(found) for found in labels.values()]
