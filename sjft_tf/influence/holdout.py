"""Which images judge: a share held out by class, folds for cross-fitting, the images of a focus class."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.images import deal_into_folds, share_of_each


def held_out(labels: np.ndarray, class_names: Sequence[str], share: float, seed: int) -> np.ndarray:
    """Draws `share` of each class, at least one image and never a whole class: bool [N], True for validation.

    Raises:
        InputError: a class with fewer than two images.
    """
    _enough(labels, class_names, 2, "holding out validation images")
    return share_of_each(_drawn(labels, seed), share)


def folds(labels: np.ndarray, class_names: Sequence[str], count: int, seed: int) -> np.ndarray:
    """Deals each class out over `count` folds: int64 [N], sizes within a class differ by one at most.

    Raises:
        InputError: fewer than 3 folds, or a class with fewer than 3 images: a model that knows neither the scored
            nor the judging fold would not know the class.
    """
    if count < 3:
        raise InputError(f"--cross_fit must be 0 (off) or at least 3 folds. Received: {count}")
    _enough(labels, class_names, 3, "cross-fitting")
    return deal_into_folds(_drawn(labels, seed), count)


def in_focus(labels: np.ndarray, class_names: Sequence[str], focus: Sequence[str]) -> np.ndarray:
    """Which validation images count: bool [M]; all of them without a focus.

    Raises:
        InputError: there is no class of that name, or no validation image of it.
    """
    if not focus:
        return np.ones(len(labels), bool)
    names = list(class_names)
    for name in focus:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:5]
            raise InputError(f"--focus_class={name}: the target has no such class. There are: {', '.join(near)}, ...")
        if not np.any(labels == names.index(name)):
            raise InputError(
                f"--focus_class={name}: none of the {len(labels)} validation images is of this class. Give a "
                "--validation set that has some, or hold out more of the training images (--holdout)."
            )
    return np.isin(labels, [names.index(name) for name in focus])


def _drawn(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """The rows of each class in an order drawn by `seed`."""
    rng = np.random.default_rng(seed)
    return [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]


def _enough(labels: np.ndarray, class_names: Sequence[str], least: int, purpose: str) -> None:
    counts = np.bincount(labels, minlength=len(class_names))
    short = np.flatnonzero((counts > 0) & (counts < least))
    if len(short):
        names = ", ".join(f"{class_names[c]!r} ({counts[c]})" for c in short[:5])
        raise InputError(
            f"Pruning by {purpose} needs at least {least} training images of each class. {len(short)} classes have "
            f"fewer: {names}{', ...' if len(short) > 5 else ''}. Add images, or give a --validation set."
        )
