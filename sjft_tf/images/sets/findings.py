"""What was understood of a set when it was opened, in one line for the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sjft_tf.images.places.walking import PassedOver, visible_name
from sjft_tf.images.sets.image_set import ImageSet

_NAMED = 3  # classes, kinds and folders that are named
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass
class Findings:
    """What an opener found beside the images; filled by openers that have something to tell.

    Attributes:
        splits: names of the splits that are there.
        inside: the folder that was looked through, as seen from the one that was named.
        pattern: how labels were found in the names of files.
        understood: what was found out of a table, in words.
        unlabeled: {folder: number of its images}, which have no labels and play no part.
        unread: other folders that play no part.
        unlisted: image files beside those of a table that play no part.
        passed: what else lies there.
        classes_there: how many classes the set has, where only some were asked for; else 0.
    """

    splits: Sequence[str] = ()
    inside: str = ""
    pattern: str = ""
    understood: Sequence[str] = ()
    unlabeled: dict[str, int] = field(default_factory=dict)
    unread: Sequence[str] = ()
    unlisted: int = 0
    passed: PassedOver = field(default_factory=PassedOver)
    classes_there: int = 0


def some(names: Iterable[str], most: int = _NAMED) -> str:
    """A list for a line: the first few, and how many more there are."""
    listed = list(names)
    shown = ", ".join(listed[:most])
    return shown if len(listed) <= most else f"{shown} and {len(listed) - most} more"


def opening_line(images: ImageSet, found: Findings, left_out: int = 0) -> str:
    """How many images of which classes in which splits, and what was passed over.

    Args:
        images: the set.
        found: what its opener found.
        left_out: images that cannot be decoded.
    """
    line = f"{images.name}: {_number(len(images), 'image')} of {_number(images.num_classes, 'class', 'classes')}"
    parts = [f"{line} ({some(images.class_names)})"]
    if found.classes_there:
        parts.append(f"these of its {_number(found.classes_there, 'class', 'classes')} by only_classes")
    if found.pattern:
        parts.append(f"labels from file names by {found.pattern}")
    if images.label_matrix is not None:
        each = images.label_matrix.sum(axis=1)
        without = f", {(each == 0).sum()} without" if (each == 0).any() else ""
        parts.append(f"{each.mean():.2g} labels an image on average{without}")
    parts += found.understood
    if found.inside:
        parts.append(f"found in {found.inside}/")
    if found.splits:
        parts.append(f"splits there: {', '.join(found.splits)}")
    if found.unlabeled:
        parts.append("without labels: " + some(f"{name}/ ({count})" for name, count in found.unlabeled.items()))
    damaged = [_number(left_out, "damaged image")] if left_out else []
    unlisted = [_number(found.unlisted, "other image")] if found.unlisted else []
    if passed := [*damaged, *unlisted, *_passed_over(found.passed, found.unread)]:
        parts.append(f"passed over {', '.join(passed)}")
    return _one_line("; ".join(parts))


def told_passed_over(passed: PassedOver) -> str:
    """What lies among images and is not read, for the end of a line: ", passed over ..."; "" where there is nothing."""
    parts = list(_passed_over(passed))
    return _one_line(f", passed over {', '.join(parts)}") if parts else ""


def _one_line(text: str) -> str:
    return _CONTROLS.sub("?", text)  # whatever folders are called


def _passed_over(passed: PassedOver, unread: Sequence[str] = ()) -> Iterable[str]:
    if passed.loose:
        yield f"{_number(passed.loose, 'image')} outside the folders of classes"
    kinds = [f"{count} {visible_name(kind) or 'without extension'}" for kind, count in passed.kinds.most_common()]
    if kinds:
        yield f"{_number(sum(passed.kinds.values()), 'other file')} ({some(kinds, 2 * _NAMED)})"
    for what, names in (("folder", unread), ("link back", passed.links), ("workdir", passed.workdirs)):
        if names:
            yield f"{what} " + some(f"{visible_name(name)}/" for name in names)


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
