"""The deterministic views of an image: what descriptors, evaluation and the exported model see of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from sjft_tf.errors import InputError


def squash(image: tf.Tensor, side: int | tf.Tensor) -> tf.Tensor:
    """Resizes uint8 or float [H, W, 3] to float32 [side, side, 3] without keeping the aspect ratio.

    Bilinear, with antialiasing when shrinking. An image of that size already is only converted.
    """
    image = tf.convert_to_tensor(image)
    shape = tf.shape(image)
    size = tf.stack([side, side])

    def resized() -> tf.Tensor:
        # Antialiasing is another, slower kernel, equal to this one when nothing shrinks.
        return tf.cond(
            tf.reduce_any(shape[:2] > size),
            lambda: tf.image.resize(image, size, antialias=True),
            lambda: tf.image.resize(image, size),
        )

    result = tf.cond(tf.reduce_all(shape[:2] == size), lambda: tf.cast(image, tf.float32), resized)
    known = side if isinstance(side, int) else None
    return tf.ensure_shape(result, [known, known, 3])


@dataclasses.dataclass(frozen=True)
class View:
    """Squash to a square, then cut out its center (paper section 4.2: resize 256, crop 224).

    Args:
        resize: side of the square, pixels.
        crop: side of the central window, pixels; at most `resize`.
    """

    resize: int
    crop: int
    views: ClassVar[int] = 1
    """Pictures made of an image; more than one are stacked in front: float32 [views, crop, crop, 3]."""

    def __post_init__(self) -> None:
        if not 1 <= self.crop <= self.resize:
            raise InputError(f"`crop` must be between 1 and `resize`. Received: crop={self.crop}, resize={self.resize}")

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] in 0..255 to float32 [crop, crop, 3] in 0..255."""
        square = squash(image, self.resize)
        first = (self.resize - self.crop) // 2
        return square[first : first + self.crop, first : first + self.crop]


@dataclasses.dataclass(frozen=True)
class TenCrop(View):
    """Squash to a square, then its four corners, its center, and the five mirrored (multi-crop testing, section 4.2).

    Args:
        resize: side of the square, pixels.
        crop: side of each window, pixels; below `resize`, or all windows would be one.
    """

    views: ClassVar[int] = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop == self.resize:
            raise InputError(
                f"Ten crops of {self.crop} px need a larger image to be cut from. Received: resize={self.resize}. "
                "Take views `center` or `dense`"
            )

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] in 0..255 to float32 [10, crop, crop, 3], the last five mirrored."""
        square = squash(image, self.resize)
        far, middle, side = self.resize - self.crop, (self.resize - self.crop) // 2, self.crop
        offsets = ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))
        windows = tf.stack([square[top : top + side, left : left + side] for top, left in offsets])
        return tf.concat([windows, windows[:, :, ::-1]], 0)


@dataclasses.dataclass(frozen=True)
class WholeImage(View):
    """The whole image squashed to a square, and mirrored: what a network is densely applied to.

    Args:
        resize: side of the square, pixels; `crop` is the same.
        crop: likewise.
    """

    views: ClassVar[int] = 2

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """From uint8 or float [H, W, 3] in 0..255 to float32 [2, side, side, 3]."""
        square = super().__call__(image)
        return tf.stack([square, square[:, ::-1]])


EVAL_VIEWS = ("center", "ten_crop", "dense")
"""What of an image is scored when figures are made."""


def dense_sides(resize: int) -> tuple[int, ...]:
    """The sides dense evaluation takes unless others are given: VGG's 256 - 32, 256 and 256 + 32, for any `resize`."""
    step = max(1, round(resize / 8))
    return (resize - step, resize, resize + step) if resize > step else (resize,)


def evaluation_views(kind: str, resize: int, crop: int, sides: Sequence[int] = ()) -> list[View]:
    """The views whose predictions are averaged, for one of `EVAL_VIEWS`.

    Args:
        kind: "center" (one crop), "ten_crop", or "dense" (whole images of several sides, mirrored too).
        resize: side of the square that crops are cut from, pixels.
        crop: side of the crops.
        sides: of "dense"; none: `dense_sides(resize)`.
    """
    if kind not in EVAL_VIEWS:
        raise InputError(f"`kind` of views must be one of {', '.join(EVAL_VIEWS)}. Received: {kind!r}")
    if kind == "dense":
        return [WholeImage(side, side) for side in (sides or dense_sides(resize))]
    return [TenCrop(resize, crop) if kind == "ten_crop" else View(resize, crop)]
