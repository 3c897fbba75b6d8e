"""The network for runtimes other than TensorFlow: pixels to probabilities in operations that all of them have.

The SavedModel's own signatures do not convert: resizing with antialiasing is an operation of TensorFlow alone
(ScaleAndTranslate), decoding JPEG and PNG likewise, and TFLite repeats no strings along a batch. So the resize is
written out here as two products with matrices, nothing is decoded, and class names stay outside.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.export.saved_model import SIGNATURES, ServedView
from sjft_tf.models import target_network


class PortableNetwork(tf.Module):
    """The target's network with two entries, named and fed as those of the SavedModel.

    Each gives `{"probabilities": float32 [N, C]}`:

    - `serving_default`: `images` float32 [N, H, W, 3], RGB 0..255, of any size, resized and cropped as in training;
    - `serve_prepared`: `pixels` float32 [N, crop, crop, 3], as the network takes them.

    Args:
        model: the joint model.
        view: the resize and crop it is evaluated with.
    """

    def __init__(self, model: keras.Model, view: ServedView) -> None:
        super().__init__(name="portable")
        network = target_network(model)
        for layer in network._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.Normalization):
                # The same numbers as before, but a tensor would become a further input of the ONNX graph.
                layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
        # Keras 3 wraps its variables; what a SavedModel can track is the tf.Variable inside.
        self.weights = [v if isinstance(v, tf.Variable) else v.value for v in network.variables]

        def answer(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"probabilities": network(pixels, training=False)}

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")])
        def serve_images(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return answer(squash_and_crop(images, int(view.resize), int(view.crop)))

        @tf.function(input_signature=[tf.TensorSpec([None, view.crop, view.crop, 3], tf.float32, name="pixels")])
        def serve_prepared(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            return answer(pixels)

        self.serve_images, self.serve_prepared = serve_images, serve_prepared

    @property
    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """The entries by name."""
        return {name: getattr(self, entry) for name, entry in SIGNATURES.items() if hasattr(self, entry)}


def squash_and_crop(images: tf.Tensor, resize: int, crop: int) -> tf.Tensor:
    """What `images.View` makes of images of one size, to about 1e-4 of 255.

    Args:
        images: float32 [N, H, W, 3].
        resize: side of the square they are resized to, bilinear, with antialiasing where they shrink.
        crop: side of what is cut from its center.

    Returns:
        float32 [N, crop, crop, 3].
    """
    shape = tf.shape(images)
    count, height, width = shape[0], shape[1], shape[2]
    # Rows first: the batch is a row of pixels then, and nothing is ever transposed.
    rows = tf.matmul(_weights(height, resize, crop), tf.reshape(images, [count, height, width * 3]))
    both = tf.matmul(_weights(width, resize, crop), tf.reshape(rows, [count * crop, width, 3]))
    return tf.reshape(both, [count, crop, crop, 3])


def _weights(length: tf.Tensor, resize: int, crop: int) -> tf.Tensor:
    """The share of each of `length` pixels in each of the `crop` in the middle of `resize`: float32 [crop, length].

    A triangle around the new pixel's center, one pixel to either side, of the larger of the two grids; cut off at the
    border and brought to a sum of 1: the bilinear filter, and the area that antialiasing averages over.
    """
    scale = tf.cast(length, tf.float32) / resize
    first = (resize - crop) // 2
    centers = (tf.range(crop, dtype=tf.float32) + (first + 0.5)) * scale
    distances = tf.abs(tf.cast(tf.range(length), tf.float32) + 0.5 - centers[:, tf.newaxis])
    triangle = tf.maximum(0.0, 1.0 - distances / tf.maximum(scale, 1.0))
    return triangle / tf.reduce_sum(triangle, axis=1, keepdims=True)
