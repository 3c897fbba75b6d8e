"""What an image would change in the trunk: its gradient of the last kernel, projected at random to a few numbers.

With x_p the patch of the layer's input under position p and g_p the gradient of the loss by its output there, the
gradient of the kernel K [k k C_in, C_out] is the sum over positions of x_p g_p'. For random A [k k C_in, w] and
B [C_out, w]

    A' (sum_p x_p g_p') B = sum_p (A' x_p) (B' g_p)'

so no gradient of full size is ever made: A' x_p is a convolution with A as its kernel. Inner products are kept up to
noise (E A A' = 1; Johnson & Lindenstrauss), exactly on a side of at most w numbers, which is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.models.contracts import ImageDataset, ImageView
from sjft_tf.models.source_head import SourceHead

GRADIENT_WIDTH = 64
"""w: an image's gradient becomes at most w x w numbers."""


@dataclass(frozen=True)
class LinearHead:
    """Logits = features @ kernel + bias.

    Attributes:
        kernel: float32 [F, C].
        bias: float32 [C].
    """

    kernel: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, head: SourceHead) -> LinearHead:
        """The head with the scaling of its features folded in."""
        kernel = head.scaling.factor * head.weights[:-1]
        bias = head.weights[-1] - head.scaling.mean @ kernel
        return cls(kernel.astype(np.float32), bias.astype(np.float32))


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

    Batch normalization keeps to its moving statistics, so no image's gradient depends on the others of its batch.

    Args:
        networks: of one form.
        view: image uint8 [H, W, 3] -> float32 [S, S, 3].
        batch_size: images a forward pass.
        width: w, see `GRADIENT_WIDTH`.
        seed: of A and B, which all networks share.

    Raises:
        InputError: a trunk without a convolution or dense layer.
    """

    def __init__(
        self,
        networks: Sequence[HeadedTrunk],
        view: ImageView,
        batch_size: int = 128,
        width: int = GRADIENT_WIDTH,
        seed: int = 0,
    ) -> None:
        self._view, self._batch_size = view, batch_size
        self._passes = [_Pass(network, width, seed) for network in networks]

    def blocks(self, image_set: ImageDataset, domain: str) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yields `(rows int32 [n], of each network gradients float32 [n, w w])`, every image once, in order.

        Gradients are of the cross entropy of the domain's head and have length 1, or 0 where there is none.

        Args:
            image_set: an `images.ImageSet`.
            domain: which heads.
        """
        examples = image_set.dataset(np.arange(len(image_set), dtype=np.int32)).map(
            lambda element: (self._view(element["image"]), element["label"]),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        filled = 0
        for images, labels in examples.batch(self._batch_size).prefetch(2):
            size = int(images.shape[0])
            more = self._batch_size - size  # one shape for all batches: one compiled pass
            padded = tf.pad(images, [[0, more], [0, 0], [0, 0], [0, 0]]), tf.pad(labels, [[0, more]])
            gradients = [one(*padded, domain).numpy()[:size] for one in self._passes]
            yield np.arange(filled, filled + size, dtype=np.int32), gradients
            filled += size


class _Pass:
    """Projected gradients by one network."""

    def __init__(self, network: HeadedTrunk, width: int, seed: int) -> None:
        self._heads = {
            domain: (tf.constant(head.kernel), tf.constant(head.bias)) for domain, head in network.heads.items()
        }
        trunk, self._layer = network.trunk, last_kernel_layer(network.trunk)
        self._model = keras.Model(trunk.input, [self._layer.input, self._layer.output, trunk.output])
        shape = tuple(self._layer.kernel.shape)
        rng = np.random.default_rng(seed)
        self._inputs = tf.constant(random_projection(rng, int(np.prod(shape[:-1])), width).reshape(*shape[:-1], -1))
        self._outputs = tf.constant(random_projection(rng, shape[-1], width))
        self._run = tf.function(self._gradients, reduce_retracing=True)

    def __call__(self, images: tf.Tensor, labels: tf.Tensor, domain: str) -> tf.Tensor:
        return self._run(images, labels, *self._heads[domain])

    def _gradients(self, images: tf.Tensor, labels: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            inputs, outputs, features = self._model(images, training=False)
            logits = tf.matmul(features, kernel) + bias
            # A sum: the loss of one image does not touch the outputs for another.
            loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        slopes = tape.gradient(loss, outputs)
        left = self._projected_inputs(inputs)
        right = tf.tensordot(slopes, self._outputs, 1)
        left = tf.reshape(left, [tf.shape(left)[0], -1, left.shape[-1]])
        right = tf.reshape(right, [tf.shape(right)[0], -1, right.shape[-1]])
        product = tf.matmul(left, right, transpose_a=True)
        flat = tf.reshape(product, [tf.shape(product)[0], left.shape[-1] * right.shape[-1]])
        return tf.math.divide_no_nan(flat, tf.norm(flat, axis=1, keepdims=True))

    def _projected_inputs(self, inputs: tf.Tensor) -> tf.Tensor:
        layer = self._layer
        if len(self._inputs.shape) == 2:  # dense: a position is its own patch
            return tf.tensordot(inputs, self._inputs, 1)
        return tf.nn.convolution(
            inputs, self._inputs, strides=layer.strides, padding=layer.padding.upper(), dilations=layer.dilation_rate
        )


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


def random_projection(rng: np.random.Generator, count: int, width: int) -> np.ndarray:
    """float32 [count, min(count, width)]: the identity where that is no more than `width`, else normal, E A A' = 1."""
    if count <= width:
        return np.eye(count, dtype=np.float32)
    return (rng.standard_normal((count, width)) / np.sqrt(width)).astype(np.float32)
