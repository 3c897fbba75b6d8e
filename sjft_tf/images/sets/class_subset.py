"""Some of the classes of an image set: named by `?only_classes=` of any spec, or drawn by a seed."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.places.class_names import class_name
from sjft_tf.images.places.paths import read_bytes
from sjft_tf.images.places.spec import Spec
from sjft_tf.images.sets.few_shot import class_orders, drawn_order
from sjft_tf.images.sets.image_set import ImageSet
from sjft_tf.images.tables.table_text import decode

OPTION = "only_classes"
"""The option that every kind of image set has."""


def without_subset(spec: Spec) -> tuple[Spec, list[str] | None]:
    """A spec without `only_classes=a,b,c` or `only_classes=@FILE` (one name a line), and the names; None without it.

    Raises:
        InputError: the option twice, a file that cannot be read, no names.
    """
    given = [value for key, value in spec.options if key == OPTION]
    if not given:
        return spec, None
    if len(given) > 1:
        raise InputError(f"'{spec}': option '{OPTION}' is given more than once. Join the names by commas")
    rest = dataclasses.replace(spec, options=tuple(option for option in spec.options if option[0] != OPTION))
    listed = _lines(spec, given[0][1:]) if given[0].startswith("@") else given[0].split(",")
    names = [name for line in listed if (name := line.strip())]
    if not names:
        raise InputError(
            f"'{spec}': '{OPTION}' names no class. Expected names joined by commas, or @FILE with one name a line"
        )
    return rest, names


def _lines(spec: Spec, path: str) -> list[str]:
    where = Spec(OPTION, path).location
    try:
        return decode(read_bytes(where), where).splitlines()
    except OSError as error:
        raise InputError(f"'{spec}': the names of classes cannot be read from {where} ({error})") from error


def of_classes(images: ImageSet, names: Sequence[str]) -> ImageSet:
    """The images of some classes, with those classes alone.

    Args:
        images: the set, N images of C classes.
        names: of classes, in any order; composed and decomposed Unicode are one name. Repeats count once.

    Returns:
        The subset, rows ascending, its classes in the order they have in `images` and labels numbered anew; a
        fingerprint of its own, that of `images` where all its classes are named.

    Raises:
        InputError: names the set does not have, with those that come near; none of the classes has images.

    Example:
        >>> of_classes(open_image_set("digits#train"), ["7", "1"]).class_names
        ('1', '7')
    """
    position = {class_name(name): label for label, name in enumerate(images.class_names)}
    position |= {name: label for label, name in enumerate(images.class_names)}
    found = [position.get(name, position.get(class_name(name))) for name in names]
    if unknown := [name for name, label in zip(names, found, strict=True) if label is None]:
        near = difflib.get_close_matches(unknown[0], images.class_names, n=3, cutoff=0.4) or images.class_names[:3]
        raise InputError(
            f"'{images.name}' has no class {unknown[0][:300]!r} ({len(unknown)} such name(s) of {len(names)} in "
            f"{OPTION}). Among its {images.num_classes} classes are: {', '.join(map(repr, near))}"
        )
    kept = sorted({label for label in found if label is not None})
    renumbered = np.full(images.num_classes, -1, np.int32)
    renumbered[kept] = np.arange(len(kept))
    rows = np.flatnonzero(renumbered[images.labels] >= 0)
    if not len(rows):
        raise InputError(f"'{images.name}' has no images of the {len(kept)} class(es) that {OPTION} names")
    taken = images if len(rows) == len(images) else images.subset(rows)
    return taken.relabeled(renumbered[taken.labels], [images.class_names[label] for label in kept])


def few_classes(images: ImageSet, count: int, seed: int, per_class: int = 0, total: int = 0) -> ImageSet:
    """`count` classes drawn by `seed`, and of each `per_class` images or its part of `total` in all.

    What is drawn for 5 classes is part of what is drawn for 10; so are the images of a class for `per_class`.

    Args:
        images: to draw from; classes without images are not drawn.
        count: classes, from 1.
        seed: of the draw.
        per_class: images of each class; 0 (default): all, or as `total` says.
        total: images of all classes together, dealt out as evenly as can be; 0 (default): as `per_class` says.

    Returns:
        The subset with the drawn classes alone, rows ascending. Its `ids` and `class_names` are what
        `--source_rows` and `?only_classes=` take.

    Raises:
        InputError: fewer classes than wanted, or a drawn class with fewer images; it is named.
        ValueError: both `per_class` and `total`.
    """
    if per_class and total:
        raise ValueError(f"Give one of `per_class` and `total`. Received: {per_class} and {total}")
    named = [images.class_names[label] for label in np.unique(images.labels)]
    if not 1 <= count <= len(named):
        raise InputError(f"'{images.name}' has {len(named)} classes with images. Received: {count} classes to be drawn")
    if total and total < count:
        raise InputError(f"{total} images are too few for {count} classes: give at least {count}")
    drawn = [named[place] for place in drawn_order(named, f"classes/{seed}")[:count]]
    taken = of_classes(images, drawn)
    if not per_class and not total:
        return taken
    orders = {taken.class_names[taken.labels[order[0]]]: order for order in class_orders(taken, f"few/{seed}")}
    rows = []
    for place, name in enumerate(drawn):
        wanted = per_class or total // count + (place < total % count)
        if len(orders[name]) < wanted:
            raise InputError(
                f"Class '{name}' of '{images.name}' has {len(orders[name])} images, and {count} classes with "
                f"{f'{per_class} each' if per_class else f'{total} in all'} take {wanted} of it. Take fewer images, "
                f"or {'other' if per_class else 'more'} classes"
            )
        rows.append(orders[name][:wanted])
    return taken.subset(np.sort(np.concatenate(rows)))
