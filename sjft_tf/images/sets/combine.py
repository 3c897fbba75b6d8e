"""Putting image sets together and checking that a combination makes sense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.places.class_names import class_name
from sjft_tf.images.sets.contents import ImageContents
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.sets.loaders import JoinedSets, on_cpu


def _first(values: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(f"'{v}'" for v in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def concatenate(sets: Sequence[ImageSet]) -> ImageSet:
    """Several sources as one, their label spaces kept apart (the paper's ImageNet + Places, section 4.1).

    Labels are offset by the classes of the sets before; with more than one set, ids and class names get the
    prefix "name/". Sets of different images that happen to have the same name are told apart as "name~2".

    Raises:
        InputError: the same image is in two of the sets.
    """
    if not sets:
        raise InputError("No image set was given. Expected at least one.")
    if len(sets) == 1:
        return sets[0]
    refuse_several_labels(sets)
    for i, first in enumerate(sets):
        for second in sets[i + 1 :]:
            _refuse_shared(first, second, "Source sets must not share images: leave one of the two out.")
    if len({(one.decoded_for, one.contents.aspect_ratio) for one in sets}) > 1:
        raise ValueError("Sets to be joined must be decoded alike: join them first, then call `reduced` or `squared`")
    names: list[str] = []
    for one in sets:
        same = sum(other.name == one.name for other in sets[: len(names)])
        names.append(f"{one.name}~{same + 1}" if same else one.name)
    classes = np.cumsum([0] + [one.num_classes for one in sets])
    starts = np.cumsum([0] + [len(one) for one in sets])[:-1].astype(np.int32)
    return ImageSet(
        "+".join(names),
        [f"{name}/{i}" for name, one in zip(names, sets, strict=True) for i in one.ids],
        np.concatenate([one.labels + first for one, first in zip(sets, classes[:-1], strict=True)]),
        [f"{name}/{c}" for name, one in zip(names, sets, strict=True) for c in one.class_names],
        ImageContents(
            JoinedSets([one.loader for one in sets], on_cpu(starts)),
            np.concatenate([one.digests for one in sets]),
            decoded_for=sets[0].decoded_for,
            files=[files for one in sets for files in one.files],
            value_range=sets[0].contents.value_range,
            aspect_ratio=sets[0].contents.aspect_ratio,
        ),
        origin=" + ".join(one.origin for one in sets),
        identities=np.concatenate([one.identities for one in sets]),
    )


def refuse_several_labels(sets: Sequence[ImageSet]) -> None:
    """Raises InputError if images of a source may have several labels: its head learns one of each."""
    if several := [one for one in sets if one.label_matrix is not None]:
        raise InputError(
            f"A source must have one label an image, and those of '{several[0].name}' may have several (separator, "
            "classes or labels in its spec). Several labels are for the target"
        )


def align_classes(class_names: Sequence[str], other: ImageSet) -> ImageSet:
    """`other` (a validation or test set) with the training set's classes, matched by name (see `class_name`).

    Raises:
        InputError: an image of `other` is of a class that is not in `class_names`.
    """
    # Lists of older runs, and of tables, may hold other forms of a name: one that is equal goes first.
    places = [(class_name(name), i) for i, name in enumerate(class_names)]
    position = dict([*places, *((name, i) for i, name in enumerate(class_names))])
    used = np.flatnonzero(other.class_counts)
    names = {c: other.class_names[c] for c in used.tolist()}
    found = {c: position.get(name, position.get(class_name(name))) for c, name in names.items()}
    unknown = [names[c] for c, place in found.items() if place is None]
    if unknown:
        raise InputError(
            f"{len(unknown)} class(es) of '{other.name}' are not in the training set: {_first(unknown)}. "
            f"Every class to be tested must have training images (it has {len(position)} classes: "
            f"{_first(list(class_names))})."
        )
    if other.label_matrix is not None:
        matrix = np.zeros((len(other), len(class_names)), bool)
        matrix[:, [place for place in found.values() if place is not None]] = other.label_matrix[:, used]
        return other.relabeled(matrix, class_names)
    renumbered = np.full(other.num_classes, -1, np.int32)
    renumbered[used] = [place for place in found.values() if place is not None]
    return other.relabeled(renumbered[other.labels], class_names)


def check_trainable(images: ImageSet) -> None:
    """Raises InputError unless `images` can be trained on: two images, two classes, no class without images."""
    if len(images) < 2:
        raise InputError(f"A training set must have at least 2 images. Received: '{images.name}' with {len(images)}.")
    if images.num_classes < 2:
        raise InputError(
            f"A training set must have at least 2 classes. Received: '{images.name}' with only "
            f"{_first(images.class_names)}."
        )
    empty = [images.class_names[c] for c in np.flatnonzero(images.class_counts == 0)]
    if empty:
        raise InputError(
            f"{len(empty)} empty class(es) in training set '{images.name}': {_first(empty)}. "
            "Add images to every class or remove it."
        )


def check_same_kind(target: ImageSet, other: ImageSet) -> None:
    """Raises InputError if images of one of the sets may have several labels, and those of the other have one each."""
    if (target.label_matrix is None) != (other.label_matrix is None):
        several, one = (other, target) if target.label_matrix is None else (target, other)
        raise InputError(
            f"Images of '{several.name}' may have several labels, those of '{one.name}' have one each. Give both sets "
            "alike: with separator=, classes= or labels= in the spec, or without"
        )


def check_disjoint(train: ImageSet, test: ImageSet) -> None:
    """Raises InputError if an image (same place, same id) is in both sets.

    Equal images kept in two places are not found here: that takes a comparison of contents.
    """
    _refuse_shared(train, test, "Give sets that do not overlap, e.g. the splits of one data set.")


def _refuse_shared(first: ImageSet, second: ImageSet, advice: str) -> None:
    shared = np.flatnonzero(np.isin(second.identities, first.identities))
    if len(shared):
        raise InputError(
            f"{len(shared)} image(s) are in both '{first.name}' and '{second.name}', e.g. id "
            f"'{second.ids[shared[0]]}'. {advice}"
        )
