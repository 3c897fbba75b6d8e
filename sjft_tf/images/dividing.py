"""Dividing training images where no split came with them: a test part, folds to choose by."""

from __future__ import annotations

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images.few_shot import class_orders
from sjft_tf.images.image_set import ImageSet


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
    held = np.zeros(len(images), bool)
    for order in class_orders(images, f"test/{seed}"):
        held[order[: min(max(1, round(share * len(order))), len(order) - 1)]] = True
    name = f"{images.name}, {share:.0%} held out"
    return images.subset(np.flatnonzero(~held)), images.subset(np.flatnonzero(held), name)


def fold(images: ImageSet, number: int, count: int, seed: int) -> tuple[ImageSet, ImageSet]:
    """Deals each class out over `count` folds and takes fold `number` (from 1): `(the other folds, this one)`.

    Sizes within a class differ by one at most; each class goes on where the one before ended, so that the folds are
    of one size too.

    Raises:
        InputError: a class with fewer images than folds, which one of the folds would not test.
    """
    _enough(images, count, f"--validation_fold={number}/{count} deals each class over {count} folds")
    chosen, dealt = np.zeros(len(images), bool), 0
    for order in class_orders(images, f"fold/{seed}"):
        chosen[order[(dealt + np.arange(len(order))) % count == number - 1]] = True
        dealt += len(order)
    name = f"{images.name}, fold {number} of {count}"
    return images.subset(np.flatnonzero(~chosen)), images.subset(np.flatnonzero(chosen), name)


def _enough(images: ImageSet, least: int, why: str) -> None:
    short = [c for c, have in enumerate(images.class_counts) if 0 < have < least]
    if short:
        names = ", ".join(f"'{images.class_names[c]}' ({images.class_counts[c]})" for c in short[:5])
        raise InputError(
            f"{why}, which takes {least} images of each. {len(short)} classes of '{images.name}' have fewer: {names}"
            f"{', ...' if len(short) > 5 else ''}. Add images, or give sets of their own with --validation and --test."
        )
