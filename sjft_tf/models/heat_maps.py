"""Where a network looks when it answers for a class: class activation maps, and Grad-CAM where there are none.

The class activation map (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization") is the linear
head applied to the last map f(x, y) before its global average: W f(x, y) + b. Our heads stand right behind that
average, so the map is exact: its mean over (x, y) is the logit. It is the map of scores of dense evaluation, see
`multi_view`, at the network's own size and at others.

Grad-CAM (Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization")
is for networks that end otherwise: relu(sum_k a_k A_k(x, y)) for the last map A that the logit y depends on, a_k the
mean over (x, y) of dy/dA_k. The whole network is one graph of layers, so that no layer hides in a nested model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.catalog import HEAT_MAP_KINDS
from sjft_tf.errors import InputError
from sjft_tf.models.contracts import SizedView
from sjft_tf.models.cutting import POOL
from sjft_tf.models.joint import TARGET, target_logits
from sjft_tf.models.multi_view import at_side

Maps = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From images float32 [B, S, S, 3] and a class index each, int32 [B], to heat maps float32 [B, h, w]."""


class HeatMaps:
    """Heat maps of single images for a class, averaged over views.

    Args:
        model: the joint model; its weights are those of now.
        views: what the network sees of an image: one picture of it, or two, itself and its mirror image, as
            `images.View` and `images.WholeImage` give them. Sides other than the network's need a network that can be
            applied to them.
        kind: one of `catalog.HEAT_MAP_KINDS`; "auto" is the class activation map where the network has one.

    Attributes:
        kind: "class_activation" or "gradcam".

    Raises:
        InputError: the network has no maps of this kind, or cannot be applied to a side.

    Example:
        >>> from sjft_tf.models.joint import build_joint_model
        >>> from sjft_tf.models.trunks import build_trunk
        >>> from sjft_tf.images import View
        >>> model = build_joint_model(build_trunk("preact_resnet", 32, depth=8, width=4), 3, None)
        >>> HeatMaps(model, [View(32, 32)])(np.zeros([40, 60, 3], np.uint8), 2).shape
        (8, 8)
    """

    def __init__(self, model: keras.Model, views: Sequence[SizedView], kind: str = "auto") -> None:
        self.kind = kind if kind != "auto" else "class_activation" if _pool(model) is not None else "gradcam"
        side = target_logits(model).input.shape[1]
        made = {view.crop: model if view.crop == side else at_side(model, view.crop) for view in views}
        self._parts = [(view, heat_maps(made[view.crop], self.kind)) for view in views]

    def __call__(self, image: np.ndarray, label: int) -> np.ndarray:
        """The heat map of one image, uint8 [H, W, 3], for a class: float32 [h, w], as fine as the largest view's."""
        found = []
        for view, maps in self._parts:
            pictures = view(tf.convert_to_tensor(image))
            pictures = pictures if view.views > 1 else pictures[None]
            heat = maps(pictures, tf.fill([len(pictures)], label))
            found.append(heat if view.views == 1 else (heat[:1] + heat[1:, :, ::-1]) / 2)
        size = max((heat.shape[1:] for heat in found), key=tuple)
        return np.mean([tf.image.resize(heat[..., None], size)[0, ..., 0] for heat in found], axis=0)


def heat_maps(model: keras.Model, kind: str) -> Maps:
    """What makes the heat maps of images that have the network's size.

    Args:
        model: a joint model, or a copy by `at_side`.
        kind: "class_activation": W f(x, y) + b of the head and the last map, whose mean is the logit; or "gradcam".

    Raises:
        InputError: no such kind, or the network has no maps of it.
    """
    if kind == "class_activation":
        return _class_activation(model)
    if kind == "gradcam":
        return _gradcam(model)
    raise InputError(f"`kind` of heat maps must be one of {', '.join(HEAT_MAP_KINDS[1:])}. Received: {kind!r}")


def _class_activation(model: keras.Model) -> Maps:
    if (pool := _pool(model)) is None:
        raise InputError(
            "This network has no class activation map, since it does not end with the global average of a map. Take "
            "--heat_map_kind=gradcam"
        )
    last, head = keras.Model(_input(model), pool.input), model.get_layer(f"{TARGET}_head")

    @tf.function(reduce_retracing=True)
    def maps(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        kernel, bias = tf.gather(tf.transpose(head.kernel), labels), tf.gather(tf.convert_to_tensor(head.bias), labels)
        features = tf.cast(last(images, training=False), tf.float32)
        return tf.einsum("bhwf,bf->bhw", features, kernel) + bias[:, None, None]

    return maps


def _gradcam(model: keras.Model) -> Maps:
    logits = target_logits(model)
    shapes = ((layer, layer.output.shape) for layer in logits.layers if hasattr(layer.output, "shape"))
    found = [layer for layer, shape in shapes if len(shape) == 4 and None not in shape[1:] and shape[1] * shape[2] > 1]
    if not found or found[-1].name == logits.layers[0].name:
        raise InputError("This network has no layer that gives maps of several positions: there is nothing to look at")
    both = keras.Model(logits.input, [found[-1].output, logits.output])

    @tf.function(reduce_retracing=True)
    def maps(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)  # layers may all be frozen, and then nothing would be recorded
            last, answers = both(images, training=False)
            # Of each image its own logit: the sum has the gradients of all.
            total = tf.reduce_sum(tf.gather(tf.cast(answers, tf.float32), labels, axis=1, batch_dims=1))
        slopes = tf.reduce_mean(tf.cast(tape.gradient(total, last), tf.float32), axis=[1, 2])
        return tf.nn.relu(tf.einsum("bhwf,bf->bhw", tf.cast(last, tf.float32), slopes))

    return maps


def _pool(model: keras.Model) -> keras.layers.Layer | None:
    """The layer that averages the last map right before the head; None where the trunk ends otherwise."""
    found = [layer for layer in model.layers if layer.name == POOL]
    return found[0] if found and isinstance(found[0], keras.layers.GlobalAveragePooling2D) else None


def _input(model: keras.Model) -> tf.Tensor:
    return tf.nest.flatten(model.input)[0]
