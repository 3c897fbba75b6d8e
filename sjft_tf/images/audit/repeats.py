"""The same picture, byte by byte, in training and among the images that judge it, or in two classes of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sjft_tf.images.audit import identical_rows, in_several_classes, label_groups
from sjft_tf.images.sets.image_set import ImageSet


@dataclass(frozen=True, eq=False)
class Repeats:
    """What `find_repeats` found.

    Attributes:
        held_out: by role of a held-out set, int [M, 2]: rows of training images that are in it, with their rows there.
        two_classes: int [K, 2], two rows of different classes for each picture that is in several of them.
        excluded: int [E], ascending, the training rows not to train on: those in a held-out set, and all of a picture
            that is in several classes, of which nobody knows the right one.
    """

    held_out: dict[str, np.ndarray]
    two_classes: np.ndarray
    excluded: np.ndarray


def find_repeats(training: ImageSet, held_out: Mapping[str, ImageSet]) -> Repeats:
    """Training images that are also in a held-out set, or in the training set with another label.

    Images are equal if their `digests` are: files byte by byte, arrays by their pixels. Re-encoded copies are for
    `find_leaks`. A picture that is twice in one class is no harm and not told.

    Args:
        training: images to be trained on.
        held_out: sets that judge the training, by role.
    """
    found = {role: _pairs(identical_rows(training, images)) for role, images in held_out.items()}
    mixed, labels = in_several_classes(training), label_groups(training)
    others = {rows[0]: next(row for row in rows if labels[row] != labels[rows[0]]) for rows in mixed}
    repeated = [row for rows in mixed for row in rows] + [row for pairs in found.values() for row in pairs[:, 0]]
    excluded = np.unique(np.array(repeated, np.int64))
    return Repeats(found, _pairs(others), excluded)


def told_repeats(training: ImageSet, held_out: Mapping[str, ImageSet], repeats: Repeats) -> str:
    """What was found in one line, with an example of each kind; empty where nothing was."""
    parts = []
    for role, rows in repeats.held_out.items():
        if len(rows):
            ours, theirs = training.ids[rows[0, 0]], held_out[role].ids[rows[0, 1]]
            parts.append(f"{len(rows)} are {role} images too, e.g. '{ours}' is '{theirs}'")
    if len(repeats.two_classes):
        a, b = (training.ids[row] for row in repeats.two_classes[0])
        parts.append(f"{len(repeats.two_classes)} picture(s) are in several classes, e.g. '{a}' is '{b}'")
    return f"Of the {len(training)} training images {'; '.join(parts)} (byte by byte)" if parts else ""


def _pairs(rows: Mapping[int, int]) -> np.ndarray:
    return np.array(list(rows.items()), np.int64).reshape(-1, 2)
