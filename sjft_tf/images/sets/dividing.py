"""Dividing training images where no split came with them: a test part, folds to choose by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.sets.few_shot import class_orders
from sjft_tf.images.sets.image_set import ImageSet


def share_of_each(orders: Sequence[np.ndarray], share: float) -> np.ndarray:
    """The first `share` of each class, at least one row and never a whole class.

    Args:
        orders: the rows of each class in the order they are drawn; together 0 to N - 1.
        share: between 0 and 1.

    Returns:
        bool [N], True for what is drawn.
    """
    chosen = np.zeros(sum(map(len, orders)), bool)
    for order in orders:
        chosen[order[: min(max(1, round(share * len(order))), len(order) - 1)]] = True
    return chosen


def deal_into_folds(orders: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Deals each class out over `count` folds, sizes within a class differ by one at most.

    Args:
        orders: as in `share_of_each`.
        count: folds.

    Returns:
        int64 [N], the fold of each row.
    """
    fold_of, dealt = np.zeros(sum(map(len, orders)), np.int64), 0
    for order in orders:
        # Each class goes on where the one before ended, or all small classes would lie in the first folds.
        fold_of[order] = (dealt + np.arange(len(order))) % count
        dealt += len(order)
    return fold_of


def hold_out(images: ImageSet, share: float, seed: int) -> tuple[ImageSet, ImageSet]:
    """Sets `share` of each class aside, at least one image and never a whole class.

    Args:
        images: to be divided.
        share: of each class, between 0 and 1.
        seed: of the draw.

    Returns:
        `(the rest, what is held out)`, rows ascending, with all classes.

    Raises:
        InputError: a class with fewer than two images.
    """
    _enough(images, 2, f"--holdout_test={share:g} sets test images of each class aside")
    held = share_of_each(class_orders(images, f"test/{seed}"), share)
    name = f"{images.name}, {share:.0%} held out"
    return images.subset(np.flatnonzero(~held)), images.subset(np.flatnonzero(held), name)


def fold(images: ImageSet, number: int, count: int, seed: int) -> tuple[ImageSet, ImageSet]:
    """Deals each class out over `count` folds and takes fold `number` (from 1): `(the other folds, this one)`.

    Raises:
        InputError: a class with fewer images than folds, which one of the folds would not test.
    """
    _enough(images, count, f"--validation_fold={number}/{count} deals each class over {count} folds")
    chosen = deal_into_folds(class_orders(images, f"fold/{seed}"), count) == number - 1
    name = f"{images.name}, fold {number} of {count}"
    return images.subset(np.flatnonzero(~chosen)), images.subset(np.flatnonzero(chosen), name)


def _enough(images: ImageSet, least: int, why: str) -> None:
    if images.label_matrix is not None:  # dealt as one class; a class that ends up without images is told later
        return
    short = [c for c, have in enumerate(images.class_counts) if 0 < have < least]
    if short:
        names = ", ".join(f"'{images.class_names[c]}' ({images.class_counts[c]})" for c in short[:5])
        raise InputError(
            f"{why}, which takes {least} images of each. {len(short)} classes of '{images.name}' have fewer: {names}"
            f"{', ...' if len(short) > 5 else ''}. Add images, or give sets of their own with --validation and --test."
        )
