"""`coco`: boxes as the COCO data set has them, one JSON file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from sjft_tf.errors import InputError
from sjft_tf.images.objects.annotations import Annotated, AnnotatedImage, Told, box_of, build_set
from sjft_tf.images.objects.object_set import ObjectSet
from sjft_tf.images.places.spec import Options, Spec
from sjft_tf.images.sets.scan import FileScan
from sjft_tf.schema import Form, mismatch

_ID: Form = (int, str)
_FORM: Form = {
    "images": [{"id": _ID, "file_name": str, "*": object}],
    "annotations": [{"image_id": _ID, "category_id": _ID, "*": object}],
    "categories": [{"id": _ID, "name": str, "*": object}],
    "*": object,
}


@dataclasses.dataclass(frozen=True)
class CocoOptions(Options):
    """See `open_coco`."""

    images: str = ""


def open_coco(spec: Spec, scan: FileScan) -> ObjectSet:
    """`coco:FILE.json[?images=DIR]`: the instances of an annotation file (images, annotations, categories).

    File names begin at `images`, which is seen from the file's own folder and is that folder when not given. Images
    without annotations are images without objects. Crowds (`iscrowd`), whose boxes hold many objects, are left out.
    """
    options = spec.read_options(CocoOptions)
    path = spec.path
    if spec.split:
        raise InputError(f"'{spec}': a file of COCO has no splits. Name the file of each split")
    content = _read(spec, path)
    root = path.parent / Path(options.images).expanduser()
    names = {one["id"]: one["name"] for one in content["categories"]}
    listed: dict[Any, AnnotatedImage] = {}
    for place, one in enumerate(content["images"]):
        where = f"{path}, images[{place}]"
        size = one.get("width"), one.get("height")
        known = all(type(side) is int and side > 0 for side in size)
        image = AnnotatedImage(one["file_name"], str(root / one["file_name"]), where, size=size if known else None)
        if listed.setdefault(one["id"], image) is not image:
            raise InputError(f"{where}: the id {one['id']!r} is there twice. Expected an id for each image")
    told = Told(scan.skips)
    for place, one in enumerate(content["annotations"]):
        where = f"{path}, annotations[{place}]"
        if one["image_id"] not in listed or one["category_id"] not in names:
            told.bad(
                InputError(f"{where}: there is no image or no category of its id."), "object(s) of no image left out"
            )
        elif one.get("iscrowd"):
            told.count("crowd(s) left out")
        else:
            _add(listed[one["image_id"]], one, names[one["category_id"]], where, told)
    objects = build_set(path.stem, spec, list(listed.values()), scan, str(root), told)
    scan.found.understood = told.words()
    return objects


def _add(image: AnnotatedImage, one: dict[str, Any], label: str, where: str, told: Told) -> None:
    given = one.get("bbox")
    if given is None:
        image.objects.append(Annotated(label, None, where))
        return
    try:
        x, y, width, height = given
        box = box_of((x, y, x + width, y + height), where)
    except InputError as error:
        told.bad(error, "bad box(es) left out")
    except (TypeError, ValueError):
        wrong = InputError(f"{where}: `bbox` must be x, y, width, height. Received: {given!r:.100}.")
        told.bad(wrong, "bad box(es) left out")
    else:
        image.objects.append(Annotated(label, box, where))


def _read(spec: Spec, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"'{spec}': {path} cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{spec}': {path} is no JSON ({error}). Expected the annotations of COCO") from error
    if (reason := mismatch(content, _FORM, "it")) is not None:
        raise InputError(
            f"'{spec}': {path} is not as COCO's instances are: {reason}. Expected images (id, file_name), annotations "
            "(image_id, category_id, bbox) and categories (id, name)"
        )
    return content
