"""Which class a patch gets (Oquab et al. 2014): that of the one object it shows, background, or none."""

from __future__ import annotations

import dataclasses

import numpy as np

from sjft_tf.errors import InputError

UNCLEAR = -1
"""The label of a patch that is not trained on."""


@dataclasses.dataclass(frozen=True)
class LabelRule:
    """When a patch shows an object.

    Args:
        of_patch: least share of the patch that is in the object's box.
        of_object: least share of the box that is in the patch.
    """

    of_patch: float = 0.2
    of_object: float = 0.6

    def __post_init__(self) -> None:
        if not (0 <= self.of_patch <= 1 and 0 <= self.of_object <= 1):
            raise InputError(f"Shares of patch and object must be between 0 and 1. Received: {self}")

    def labels(self, patches: np.ndarray, boxes: np.ndarray, classes: np.ndarray, background: int) -> np.ndarray:
        """The label of each patch.

        Args:
            patches: float [P, 4], x0, y0, x1, y1.
            boxes: float [n, 4], likewise.
            classes: int [n], of the boxes.
            background: the label of a patch that touches no box.

        Returns:
            int32 [P]: a class where the patch touches one box only and both shares are reached; `background` where it
            touches none; else `UNCLEAR`.
        """
        shared = overlaps(patches, boxes)
        touched = (shared > 0).sum(axis=1)
        enough = (shared >= self.of_patch * _areas(patches)[:, None]) & (shared >= self.of_object * _areas(boxes))
        labels = np.full(len(patches), UNCLEAR, np.int32)
        labels[touched == 0] = background
        single = (touched == 1) & enough.any(axis=1)
        if single.any():
            labels[single] = np.asarray(classes)[shared[single].argmax(axis=1)]
        return labels


def overlaps(patches: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Areas that rectangles have in common, float64 [P, n]."""
    one, other = np.asarray(patches, np.float64)[:, None], np.asarray(boxes, np.float64)[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    return np.prod(np.maximum(sides, 0), axis=-1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    wide = np.asarray(boxes, np.float64)
    return (wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1])


def drawn(labels: np.ndarray, background: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """The patches to train on, bool [P]: those with a class, and a share of the background."""
    lot = rng.random(len(labels))
    return ((labels != UNCLEAR) & (labels != background)) | ((labels == background) & (lot < share))
