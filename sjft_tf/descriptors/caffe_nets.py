"""First layers of AlexNet and SqueezeNet as Keras models, for learned filter banks."""

from __future__ import annotations

import keras
import tensorflow as tf

_CAFFE_MEAN = (104.0, 117.0, 123.0)


def caffe_input(images: tf.Tensor) -> tf.Tensor:
    """RGB 0..255 -> BGR minus the mean color, what both networks were trained on in Caffe."""
    return tf.reverse(images, axis=[-1]) - tf.constant(_CAFFE_MEAN)


@keras.utils.register_keras_serializable("sjft_tf")
class LocalResponseNorm(keras.layers.Layer):
    """AlexNet's normalization over 5 neighboring channels: x / (1 + 1e-4/5 sum x^2)^0.75 (Krizhevsky et al. 2012)."""

    def call(self, inputs):
        return tf.nn.local_response_normalization(inputs, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75)

    def compute_output_shape(self, input_shape):
        return input_shape


def alexnet() -> keras.Model:
    """conv1 (96 @ 11x11/4) to conv2 (256 @ 5x5 in 2 groups) of AlexNet, random weights, input [H, W, 3] of any size.

    Layer `conv2` joins the two groups, which are the layers `conv2_first` and `conv2_second`: CPUs have no
    grouped convolution in every TensorFlow we support.
    """
    images = keras.Input((None, None, 3), name="images")
    x = keras.layers.Conv2D(96, 11, strides=4, name="conv1")(images)
    x = keras.layers.ReLU(name="relu1")(x)
    x = LocalResponseNorm(name="norm1")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    groups = [
        keras.layers.Conv2D(128, 5, padding="same", name=f"conv2_{which}")(half)
        for which, half in zip(("first", "second"), _Halves(name="halves")(x), strict=True)
    ]
    x = keras.layers.Concatenate(name="conv2")(groups)
    x = keras.layers.ReLU(name="relu2")(x)
    return keras.Model(images, x, name="alexnet")


@keras.utils.register_keras_serializable("sjft_tf")
class _Halves(keras.layers.Layer):
    """The first and the second half of the channels."""

    def call(self, inputs):
        return tf.split(inputs, 2, axis=-1)

    def compute_output_shape(self, input_shape):
        half = (*input_shape[:-1], input_shape[-1] // 2)
        return [half, half]


def squeezenet_conv1() -> keras.Model:
    """conv1 (96 @ 7x7/2) of SqueezeNet 1.0 with its ReLU, random weights, input [H, W, 3] of any size."""
    images = keras.Input((None, None, 3), name="images")
    x = keras.layers.Conv2D(96, 7, strides=2, name="conv1")(images)
    x = keras.layers.ReLU(name="relu1")(x)
    return keras.Model(images, x, name="squeezenet_conv1")
