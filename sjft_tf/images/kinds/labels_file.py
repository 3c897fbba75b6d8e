"""`folder:PATH?labels=FILE`: a folder of images whose labels, several an image or none, stand in a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.kinds import tables
from sjft_tf.images.kinds.folder import folder_splits, open_folder
from sjft_tf.images.objects.coco import open_coco
from sjft_tf.images.objects.object_set import classes_alone
from sjft_tf.images.places.spec import Spec
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.scan import FileScan


def open_folder_of_any_kind(spec: Spec, scan: FileScan) -> ImageSet:
    """`folder:PATH?labels=FILE`, or `open_folder` without that option.

    FILE is a path, from PATH on. A table is read as `csv:FILE?root=PATH` with the table's options beside it, among
    them `separator` (here | unless it or `classes` is given). A file that ends in `.json` is read as
    `coco:FILE?images=PATH`: an image has the classes of its objects.
    """
    if "labels" not in dict(spec.options):
        return open_folder(spec, scan)
    if _labels_file(spec).suffix.lower() == ".json":
        return classes_alone(open_coco)(_as_annotations(spec), scan)
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


def _as_annotations(spec: Spec) -> Spec:
    if more := [key for key, _ in spec.options if key != "labels"]:
        raise InputError(f"'{spec}': a file of annotations has no option '{more[0]}'. Leave it out")
    return Spec("coco", str(_labels_file(spec)), spec.split, (("images", str(spec.path)),))
