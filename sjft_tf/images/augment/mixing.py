"""Mixup (Zhang et al. 2018, arXiv 1710.09412) and CutMix (Yun et al. 2019, arXiv 1905.04899) within one batch."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import betaincinv

from sjft_tf.errors import InputError
from sjft_tf.images import philox


class Mixed(NamedTuple):
    """Images of a batch mixed with others of it, and the labels of both.

    Attributes:
        images: float32 [N, S, S, 3].
        labels: int32 [N], the images' own.
        partners: int32 [N], labels of the images that were mixed in.
        shares: float32 [N] in [0, 1], how much the own label counts; the partner's counts the rest.
    """

    images: tf.Tensor
    labels: tf.Tensor
    partners: tf.Tensor
    shares: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Mixing:
    """Mixes every image of a batch with another of it; one draw for the whole batch, as its authors do.

    Partners are the batch in another order, in which an image may meet itself. With l drawn from Beta(alpha, alpha),
    mixup gives `l x + (1 - l) x'`; CutMix lays a box of `1 - l` of the area of x' upon x, its middle anywhere in the
    image, and what lies outside is cut off: the labels' share is that of the pixels that are left. Everything follows
    from the seed.

    Args:
        mixup: its alpha; 0 (default): none.
        cutmix: its alpha; 0 (default): none. With both, one of them for each batch, equally likely.

    Raises:
        InputError: a negative alpha, or both are 0.

    Example:
        >>> mixed = Mixing(mixup=0.2)(tf.zeros([8, 32, 32, 3]), tf.range(8), tf.constant([0, 1], tf.int64))
        >>> mixed.images.shape, mixed.shares.shape
        (TensorShape([8, 32, 32, 3]), TensorShape([8]))
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        if not (self.mixup >= 0 and self.cutmix >= 0 and self.mixup + self.cutmix > 0):
            raise InputError(
                "`mixup` and `cutmix` must be 0 or more, one of them more. "
                f"Received: mixup={self.mixup}, cutmix={self.cutmix}"
            )

    def __call__(self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> Mixed:
        """Mixes a batch.

        Args:
            images: uint8 or float [N, S, S, 3] in 0..255.
            labels: int32 [N].
            seed: int64 [2], of the batch.
        """
        seed = tf.random.experimental.stateless_fold_in(seed, 5)
        count, side = tf.shape(images)[0], tf.shape(images)[1]
        order, kept, share = tf.numpy_function(
            self.draw, [seed, philox.uniforms(seed), count, side], (tf.int32, tf.float32, tf.float32), stateful=False
        )
        order, kept = tf.ensure_shape(order, labels.shape), tf.ensure_shape(kept, [*images.shape[1:3], 1])
        own = tf.cast(images, tf.float32)
        mixed = kept * own + (1.0 - kept) * tf.gather(own, order)
        shares = tf.ensure_shape(tf.fill([count], share), labels.shape)
        return Mixed(tf.ensure_shape(mixed, images.shape), labels, tf.gather(labels, order), shares)

    def draw(
        self, seed: np.ndarray, numbers: np.ndarray, count: int, side: int
    ) -> tuple[np.ndarray, np.ndarray, np.floating]:
        """What is done to a batch.

        Args:
            seed: int64 [2], for the order.
            numbers: float32 [4], uniform in [0, 1): which of both, how much, row and column of the box's middle.
            count: N images.
            side: S pixels.

        Returns:
            Each image's partner int32 [N], what is left of the own pixels float32 [S, S, 1], and its mean, the own
            label's share, float32.
        """
        which, quantile, *middle = numbers.tolist()
        cuts = self.cutmix > 0 and (not self.mixup or which < 0.5)
        alpha = self.cutmix if cuts else self.mixup
        # By the inverse of the distribution one number is one draw; the usual ratio of gammas fails for small alphas.
        share = float(betaincinv(alpha, alpha, quantile))
        kept = np.full((side, side, 1), share, np.float32)
        if cuts:
            kept = 1 - box(side, 1 - share, middle[0], middle[1])[..., np.newaxis].astype(np.float32)
            share = float(kept.mean(dtype=np.float64))
        return philox.permutation(int(count), (int(seed[0]), int(seed[1]))), kept, np.float32(share)


def box(side: int, area: float, row: float, column: float) -> np.ndarray:
    """The pixels of a square box of this share of the image's area, cut off at the border.

    Args:
        side: S, of the image.
        area: in [0, 1].
        row, column: of the box's middle, as shares of the side in [0, 1).

    Returns:
        bool [S, S].
    """
    length = round(side * area**0.5)
    inside = []
    for place in (row, column):
        first = int(place * side) - length // 2
        pixels = np.arange(side)
        inside.append((pixels >= first) & (pixels < first + length))
    return inside[0][:, np.newaxis] & inside[1]
