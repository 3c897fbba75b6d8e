"""The target's network of Keras's own layers alone, for those who load it without this package."""

from __future__ import annotations

import keras
import numpy as np

from sjft_tf.models.dropout import ResumableDropout
from sjft_tf.models.families import CAFFE_MEANS, CaffePreprocessing
from sjft_tf.models.joint import target_logits
from sjft_tf.models.normalization import BatchNormalization, set_layer_weights


def target_network(model: keras.Model) -> keras.Model:
    """The part of a joint model that answers for the target: same layers and weights, output probabilities.

    Args:
        model: from `build_joint_model`.

    Returns:
        keras.Model from float32 [N, S, S, 3] RGB in 0..255 to float32 [N, C].

    Raises:
        InputError: as `target_logits`.
    """
    head = target_logits(model)
    kind, name = keras.layers, "probabilities"
    several = getattr(model, "several_labels", False)
    activation = kind.Activation("sigmoid", name=name) if several else kind.Softmax(name=name)
    return keras.Model(head.input, activation(head.output), name="target")


def stock_layers(model: keras.Model) -> keras.Model:
    """A copy of a functional model in which each layer of this package is Keras's own one that does the same.

    Batch normalization loses nothing but its speed in training and a mixture with starting statistics, dropout the
    place in its random stream, and Caffe's preprocessing becomes a convolution of 1 x 1, frozen.

    Args:
        model: functional, such as `target_network` gives; nested functional models are followed. It stays as it is.

    Returns:
        The copy, with weights of its own and the same layer names; outputs to about 1e-5.

    Example:
        >>> import keras
        >>> inputs = keras.Input((8, 8, 3))
        >>> model = keras.Model(inputs, ResumableDropout(0.5)(inputs))
        >>> type(stock_layers(model).layers[-1]) is keras.layers.Dropout
        True
    """
    copy = keras.models.clone_model(model, clone_function=_stock_layer)
    for old, new in zip(model.layers, copy.layers, strict=True):
        if isinstance(old, CaffePreprocessing):
            new.set_weights([np.eye(3)[None, None, ::-1], -np.array(CAFFE_MEANS)])
        elif not isinstance(old, keras.Model | ResumableDropout):
            set_layer_weights(new, old.get_weights())
    return copy


def _stock_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.Model):
        return stock_layers(layer)
    if isinstance(layer, ResumableDropout):
        return keras.layers.Dropout(layer.rate, dtype="float32", name=layer.name)
    if isinstance(layer, CaffePreprocessing):
        # No layer of Keras changes the order of channels, or takes another number from each.
        return keras.layers.Conv2D(3, 1, dtype="float32", name=layer.name, trainable=False)
    kind = keras.layers.BatchNormalization if isinstance(layer, BatchNormalization) else type(layer)
    return kind.from_config(layer.get_config())
