"""Folders that cannot be meant as they lie: what is there, the layout that is expected, the option that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sjft_tf.errors import InputError
from sjft_tf.images.kinds.layout import BESIDE, CONTAINERS, Layout, likely_role, name_of
from sjft_tf.images.places.spec import Spec
from sjft_tf.images.places.walking import IMAGE_EXTENSIONS, PassedOver, visible_name, walk_images
from sjft_tf.images.sets.findings import some

# How labels commonly stand in names: cat.0.jpg, Abyssinian_1.jpg, rose (3).jpg, 7_001.png.
_PATTERNS = (r"^([A-Za-z]+)\.", r"^(.+)_\d+\.", r"^([^\d]*[A-Za-z])[^A-Za-z]*\d+[^A-Za-z]*\.", r"^(\d+)_")


def refuse_flat(spec: Spec, layout: Layout) -> InputError:
    """What to say of a folder without folders of classes.

    Args:
        spec: what was asked for.
        layout: of the folder; its `unlabeled` are the splits that hold images directly.
    """
    flat, label = layout.unlabeled, dict(spec.options).get("label")
    where = "" if layout.top == layout.root else f"{layout.inside(layout.top)}/"
    images = list(walk_images(layout.top, root=layout.root))
    if not images:
        return InputError(
            f"'{spec}': {layout.top} holds no images. Expected one sub-folder a class, holding its images ({_names()})"
        )
    if label:
        example = visible_name(name_of(images[0], layout.top, re.compile(label)))
        return InputError(
            f"'{spec}': label={label} is found in none of the {len(images)} file names, e.g. '{example}'. Its first "
            "group is to find the class; with a / in the pattern it is looked for in the path below the folder"
        )
    if flat:
        lie = " and ".join(f"{where}{name}/ ({count})" for name, count in flat.items())
        first = next((name for name in flat if likely_role(name) == "train"), next(iter(flat)))
        expected = f"{where}{first}/CLASS/IMAGE"
        otherwise = f". If {some(flat, 2)} are the classes, give '{_with(spec, 'splits', 'false')}'"
    else:
        lie, expected, otherwise = f"{layout.top} ({len(images)})", f"{where}CLASS/IMAGE", ""
    return InputError(
        f"'{spec}': images lie directly in {lie}, which has no sub-folders. Expected one folder a class, as in "
        f"{layout.root}/{expected}. Labels that stand in the names of files are read with a pattern whose first group "
        f"is the class, {_suggestion(spec, images)}{otherwise}"
    )


def refuse_unlabeled(spec: Spec, layout: Layout) -> InputError:
    """What to say where a split is asked for whose images have no labels."""
    return InputError(
        f"'{spec}': the {layout.unlabeled[str(spec.split)]} images in {spec.split} have no labels, so that they can "
        f"neither be learned nor scored. Splits with labels: {', '.join('#' + name for name in layout.splits)}; "
        "scripts/predict.py --images answers for images without labels"
    )


def refuse_containers(spec: Spec, top: Path, names: Sequence[str]) -> None:
    """Refuses classes whose names only say that images, or what belongs to them, lie there."""
    lower = {name.lower() for name in names}
    if lower <= CONTAINERS | BESIDE and lower & CONTAINERS:
        inner = next(name for name in names if name.lower() in CONTAINERS)
        images = list(walk_images(top / inner))
        raise InputError(
            f"'{spec}': the folders in {top} are {some(names)}, which are hardly classes. Expected one folder a "
            f"class; name the folder they lie in. Labels that stand in the names of files are read with a pattern "
            f"whose first group is the class, {_suggestion(Spec(spec.kind, str(top / inner)), images)}"
        )


def refuse_unmatched(spec: Spec, top: Path, unmatched: Sequence[str], matched: int) -> None:
    """Refuses files in whose names no label is found, since they would be left out without a word."""
    if unmatched:
        example = visible_name(os.path.relpath(unmatched[0], top))
        raise InputError(
            f"'{spec}': no label is found in the names of {len(unmatched)} of {len(unmatched) + matched} images, e.g. "
            f"'{example}'. Widen the pattern, or move these images away"
        )


def refuse_empty(empty: Sequence[tuple[Path, PassedOver]]) -> None:
    """Refuses folders of classes without images, each given with what lies in it."""
    if empty:
        folder, inside = empty[0]
        kinds = some(f"{count} {kind or 'without extension'}" for kind, count in inside.kinds.most_common())
        raise InputError(
            f"Empty class: {visible_name(folder)} has no usable images ({len(empty)} such folder(s)). Expected files "
            f"named {_names()}{f'; found: {kinds}' if kinds else ''}. Add images or remove the folder."
        )


def refuse_damaged(classes: Sequence[str]) -> None:
    """Refuses classes, given by name, of whose files none can be decoded."""
    if classes:
        raise InputError(
            f"Empty class: {classes[0]} has no usable images ({len(classes)} such class(es)). None of its images can "
            "be decoded. Repair some, or remove them all."
        )


def _names() -> str:
    return ", ".join(f"*{extension}" for extension in IMAGE_EXTENSIONS)


def _suggestion(spec: Spec, images: Sequence[str]) -> str:
    """The spec with a pattern that finds labels in these names, or one to begin with."""
    names = [os.path.basename(path) for path in images]  # noqa: PTH119
    for pattern in _PATTERNS:
        labels = {match[1] for name in names if (match := re.search(pattern, name))}
        found = sum(re.search(pattern, name) is not None for name in names)
        if 2 <= len(labels) <= len(names) / 2 and 2 * found >= len(names):
            return f"as '{_with(spec, 'label', pattern)}' ({len(labels)} classes: {some(sorted(labels))})"
    return f"as in '{_with(spec, 'label', '^(.+)_[0-9]+')}'"


def _with(spec: Spec, option: str, value: str) -> str:
    return str(Spec(spec.kind, spec.rest, spec.split, (*spec.options, (option, value))))
