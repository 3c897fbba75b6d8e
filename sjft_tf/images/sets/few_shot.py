"""Few images of each class: which ones, as a function of seed, class and image alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.sets.image_set import ImageSet


def drawn_order(ids: Sequence[str], salt: str) -> np.ndarray:
    """Positions in `ids` in an order drawn by `salt`: int64 [N].

    By hash of each id rather than by a generator: the same on every version of every library, and an image that is
    added or removed does not change the order of the others.
    """
    keys = [hashlib.sha256(f"{salt}/{name}".encode()).digest() for name in ids]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)


def class_orders(images: ImageSet, salt: str) -> list[np.ndarray]:
    """The rows of each class that has images, in an order drawn by `salt` and the class: int64 [n_c] each.

    Images that may have several labels are dealt as if all were of one class.
    """
    if images.label_matrix is not None:
        return [drawn_order(images.ids.tolist(), f"{salt}/")]
    orders = []
    for label in np.unique(images.labels):
        rows = np.flatnonzero(images.labels == label)
        orders.append(rows[drawn_order(images.ids[rows].tolist(), f"{salt}/{images.class_names[label]}")])
    return orders


def few_of_each(images: ImageSet, count: int, seed: int) -> ImageSet:
    """`count` images of each class, drawn by `seed`; what is drawn for 3 is part of what is drawn for 5.

    Args:
        images: the training images.
        count: images a class, from 1.
        seed: of the draw.

    Returns:
        The subset, rows ascending, with all classes and a fingerprint of its own.

    Raises:
        InputError: classes with fewer images; they are named.
    """
    if images.label_matrix is not None:
        raise InputError(
            f"--per_class={count} takes images by their class, and those of '{images.name}' may have several. Make a "
            "smaller table, or choose images with --target_rows"
        )
    short = [c for c, have in enumerate(images.class_counts) if have < count]
    if short:
        names = ", ".join(f"'{images.class_names[c]}' ({images.class_counts[c]})" for c in short[:5])
        raise InputError(
            f"--per_class={count} needs {count} training images of each class. {len(short)} of the "
            f"{images.num_classes} classes of '{images.name}' have fewer: {names}"
            f"{', ...' if len(short) > 5 else ''}. Add images, or take at most "
            f"--per_class={max(1, int(images.class_counts.min()))}."
        )
    rows = np.concatenate([order[:count] for order in class_orders(images, f"few/{seed}")])
    return images.subset(np.sort(rows))
