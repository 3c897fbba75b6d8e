"""The sixteen versions of an image that a linear classifier learns from and is asked by."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images.augment.affine import move
from sjft_tf.images.augment.warp import check_warp
from sjft_tf.images.sets.views import View, squash

ROTATION = 15.0
"""Degrees by which two of the views of `SixteenViews` are turned, to either side."""


@dataclasses.dataclass(frozen=True)
class SixteenViews(View):
    """The versions of an image that CNNaug-SVM learns from (Razavian et al. 2014): eight views, and the eight mirrored.

    First the plain view of `View`; then windows of 4/9 of the squashed image's area in its corners and its center,
    resized to `crop`; then the plain view turned by 15 degrees to either side, its border continued mirrored.

    Args:
        resize: side of the square, pixels, at least 2.
        crop: side of each view, pixels; at most `resize`.

    Raises:
        InputError: sides that do not fit, or an installation with nothing to turn images with.
    """

    views: ClassVar[int] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resize < 2:
            raise InputError(f"Sixteen views need an image to cut from. Received: resize={self.resize}")
        check_warp()

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] in 0..255 to float32 [16, crop, crop, 3], the last eight mirrored."""
        plain, square = super().__call__(image), squash(image, self.resize)
        side = max(1, round(self.resize * 2 / 3))
        far, middle = self.resize - side, (self.resize - side) // 2
        offsets = ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))
        windows = [squash(square[top : top + side, left : left + side], self.crop) for top, left in offsets]
        turned = [move(plain, rotation=math.radians(angle)) for angle in (ROTATION, -ROTATION)]
        views = tf.stack([plain, *windows, *(tf.ensure_shape(one, plain.shape) for one in turned)])
        return tf.concat([views, views[:, :, ::-1]], 0)
