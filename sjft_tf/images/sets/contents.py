"""How the images of a set are read and what is in them, whatever they are called and however they are labeled."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from sjft_tf.images.decoding.values import ValueRange
from sjft_tf.images.places.watching import Files
from sjft_tf.images.sets.loaders import Loader, PickedRows, on_cpu, reduced, scaled
from sjft_tf.images.sets.square import SQUASH, SquaredImages


@dataclasses.dataclass(frozen=True)
class ImageContents:
    """The pixels of N images.

    Args:
        loader: maps a scalar int32 row tensor to the image, uint8 [H, W, 3]; used inside `tf.data` graphs.
        digests: uint8 [N, 32], SHA-256 of each image's content (encoded bytes, or pixels where there are none).
        decoded_for: the side that `loader` is reduced for, None (default) where it decodes in full.
        files: the lists of files that images are read from, watched while they are used.
        value_range: what `loader` takes for black and white among values of more than 8 bits, None (default) where
            their type says it.
        aspect_ratio: how `loader` brings wide and tall images to squares, one of `square.ASPECT_RATIOS`; default: not.
    """

    loader: Loader
    digests: np.ndarray
    decoded_for: int | None = None
    files: Sequence[Files] = ()
    value_range: ValueRange | None = None
    aspect_ratio: str = SQUASH

    def __post_init__(self) -> None:
        object.__setattr__(self, "digests", np.asarray(self.digests, np.uint8))
        object.__setattr__(self, "files", tuple(self.files))

    def take(self, rows: np.ndarray) -> ImageContents:
        """Those of some rows, int32 [M], in that order; the files stay those of the whole set."""
        return dataclasses.replace(self, loader=PickedRows(self.loader, on_cpu(rows)), digests=self.digests[rows])

    def reduced(self, side: int) -> ImageContents:
        """The same, large JPEG images decoded smaller, see `ImageSet.reduced`."""
        return dataclasses.replace(self, loader=reduced(self.loader, side), decoded_for=side)

    def scaled(self, given: ValueRange) -> ImageContents:
        """The same, values of more than 8 bits scaled by a range of one's own."""
        return dataclasses.replace(self, loader=scaled(self.loader, given), value_range=given)

    def squared(self, aspect_ratio: str) -> ImageContents:
        """The same, wide and tall images cropped or padded to squares."""
        return dataclasses.replace(self, loader=SquaredImages(self.loader, aspect_ratio), aspect_ratio=aspect_ratio)
