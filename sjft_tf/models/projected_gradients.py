"""What an image would change in the trunk: its gradient of the last kernel, in the directions that matter to a target.

With x_p the patch of the layer's input under position p and g_p the gradient of the loss by its output there, the
gradient of the kernel K [k k C_in, C_out] is G = sum over positions of x_p g_p'. It is never made. Its length is

    |G|^2 = sum over p, q of (x_p . x_q)(g_p . g_q)

and for A [k k C_in, w] and B [C_out, w] of orthogonal columns its part in their span is A' G B, the sum of
(A' x_p)(B' g_p)'. A and B are the first w principal directions of the target's own gradients on either side: inner
products with a mean of these lose only what the target itself has outside. Random A and B of as many columns, as in
LESS, drown them: they are small against 1, and the noise of a random projection is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.contracts import ImageDataset, ImageView
from sjft_tf.models.losses import head_sums

GRADIENT_WIDTH = 128
"""w: an image's gradient becomes at most w x w numbers."""


class Sides(NamedTuple):
    """Orthogonal directions on both sides of a kernel.

    Attributes:
        inputs: A, float32 [k k C_in, at most w].
        outputs: B, float32 [C_out, at most w].
    """

    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True)
class LinearHead:
    """Logits = features @ kernel + bias.

    Attributes:
        kernel: float32 [F, C].
        bias: float32 [C].
    """

    kernel: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class HeadedTrunk:
    """A network at one moment.

    Attributes:
        trunk: images float32 [B, S, S, 3] to features float32 [B, F].
        heads: by domain.
        rate: what its gradients count, relative to the others.
    """

    trunk: keras.Model
    heads: Mapping[str, LinearHead]
    rate: float = 1.0


class GradientStream:
    """Gradients of images by several networks, in batches: each image is read once.

    Gradients are of the cross entropy of a domain's head, and have length 1, or 0 where there is none. Batch
    normalization keeps to its moving statistics, so no image's gradient depends on the others of its batch.

    Args:
        networks: of one form.
        view: image uint8 [H, W, 3] -> float32 [S, S, 3].
        batch_size: images a forward pass.

    Raises:
        InputError: a trunk without a convolution or dense layer.
    """

    def __init__(self, networks: Sequence[HeadedTrunk], view: ImageView, batch_size: int = 128) -> None:
        self._view, self._batch_size = view, batch_size
        self._factors = [KernelFactors(network) for network in networks]

    def sides(self, image_set: ImageDataset, domain: str, width: int = GRADIENT_WIDTH) -> list[Sides]:
        """The principal directions of the gradients of these images, for each network.

        Args:
            image_set: an `images.ImageSet`.
            domain: which heads.
            width: most directions of a side.
        """
        moments: list[list[np.ndarray]] = [[] for _ in self._factors]
        for _, factors in self._batches(image_set, domain):
            for sums, (left, right) in zip(moments, factors, strict=True):
                parts = [part.numpy().astype(np.float64) for part in _second_moments(left, right)]
                sums[:] = [one + part for one, part in zip(sums, parts, strict=True)] if sums else parts
        return [Sides(*(_principal(moment, width) for moment in sums)) for sums in moments]

    def blocks(
        self, image_set: ImageDataset, domain: str, sides: Sequence[Sides]
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yields `(rows int32 [n], of each network gradients float32 [n, w w])`, every image once, in order.

        Args:
            image_set: an `images.ImageSet`.
            domain: which heads.
            sides: of each network, the directions in which gradients are given.
        """
        bases = [[tf.constant(side) for side in both] for both in sides]
        for rows, factors in self._batches(image_set, domain):
            projected = [_projected(*pair, *both) for pair, both in zip(factors, bases, strict=True)]
            yield rows, [one.numpy()[: len(rows)] for one in projected]

    def _batches(
        self, image_set: ImageDataset, domain: str
    ) -> Iterator[tuple[np.ndarray, list[tuple[tf.Tensor, tf.Tensor]]]]:
        examples = image_set.dataset(np.arange(len(image_set), dtype=np.int32)).map(
            lambda element: (self._view(element["image"]), element["label"]),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        filled = 0
        for images, labels in examples.batch(self._batch_size).prefetch(2):
            size = int(images.shape[0])
            more = self._batch_size - size  # one shape for all batches: one compiled pass
            padded = (
                tf.pad(images, [[0, more], [0, 0], [0, 0], [0, 0]]),
                tf.pad(labels, [[0, more]], constant_values=-1),
            )
            yield np.arange(filled, filled + size, dtype=np.int32), [one(*padded, domain) for one in self._factors]
            filled += size
        if filled != len(image_set):
            raise InputError(
                f"The image set gave {filled} images where {len(image_set)} were expected. Check for bad ones"
            )


class KernelFactors:
    """Both factors of images' gradients of the last kernel, by one network.

    Args:
        network: trunk and heads.

    Raises:
        InputError: a trunk without a convolution or dense layer.
    """

    def __init__(self, network: HeadedTrunk) -> None:
        self._heads = {
            domain: (tf.constant(head.kernel), tf.constant(head.bias)) for domain, head in network.heads.items()
        }
        trunk, self._layer = network.trunk, last_kernel_layer(network.trunk)
        self._model = keras.Model(trunk.input, [self._layer.input, self._layer.output, trunk.output])
        self._run = tf.function(self._computed, reduce_retracing=True)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor, domain: str) -> tuple[tf.Tensor, tf.Tensor]:
        """x [B, P, k k C_in] and g [B, P, C_out], whose G have length 1; g is 0 for images of label -1."""
        return self._run(images, labels, *self._heads[domain])

    def _computed(
        self, images: tf.Tensor, labels: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            inputs, outputs, features = self._model(images, training=False)
            # A sum: the loss of one image does not touch the outputs for another.
            loss = head_sums(labels, tf.matmul(features, kernel) + bias).loss
        left, right = _positions(self._patches(inputs)), _positions(tape.gradient(loss, outputs))
        squares = tf.reduce_sum(_inner(left) * _inner(right), axis=[1, 2])
        length = tf.sqrt(tf.maximum(squares, 0.0))[:, tf.newaxis, tf.newaxis]
        return left, tf.math.divide_no_nan(right, length)

    def _patches(self, inputs: tf.Tensor) -> tf.Tensor:
        layer = self._layer
        if len(layer.kernel.shape) == 2:  # dense: a position is its own patch
            return inputs
        one = (1, *layer.kernel.shape[:2], 1), (1, *layer.strides, 1), (1, *layer.dilation_rate, 1)
        return tf.image.extract_patches(inputs, *one, padding=layer.padding.upper())


def last_kernel_layer(trunk: keras.Model) -> keras.layers.Layer:
    """The last convolution of whole channels, or dense layer, of a trunk.

    Raises:
        InputError: there is none.
    """
    for layer in reversed(trunk.layers):
        whole = isinstance(layer, keras.layers.Conv2D) and layer.groups == 1
        if whole or isinstance(layer, keras.layers.Dense):
            return layer
    raise InputError(f"{trunk.name} has no convolution or dense layer whose gradient could be compared")


@tf.function(reduce_retracing=True)
def _second_moments(left: tf.Tensor, right: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Sums over images of G G' and G' G."""
    weighted = tf.matmul(_inner(right), left), tf.matmul(_inner(left), right)
    return tf.tensordot(left, weighted[0], [[0, 1], [0, 1]]), tf.tensordot(right, weighted[1], [[0, 1], [0, 1]])


@tf.function(reduce_retracing=True)
def _projected(left: tf.Tensor, right: tf.Tensor, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    product = tf.matmul(tf.matmul(left, inputs), tf.matmul(right, outputs), transpose_a=True)
    return tf.reshape(product, [tf.shape(product)[0], -1])


def _principal(moment: np.ndarray, width: int) -> np.ndarray:
    """Eigenvectors of the largest eigenvalues, float32 [D, min(D, width)]; the identity where that is all of them."""
    if len(moment) <= width:
        return np.eye(len(moment), dtype=np.float32)
    return np.linalg.eigh(moment)[1][:, : -width - 1 : -1].astype(np.float32)


def _positions(maps: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] or [B, C] as [B, P, C]."""
    return tf.reshape(maps, [tf.shape(maps)[0], -1, maps.shape[-1]])


def _inner(rows: tf.Tensor) -> tf.Tensor:
    return tf.matmul(rows, rows, transpose_b=True)
