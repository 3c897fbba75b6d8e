"""A SavedModel of patches: scores of the classes of an image, and heat maps of where they are.

    model = tf.saved_model.load("saved_model")
    model.signatures["serving_default"](images=batch)["scores"]          # float32 [N, C], from [N, H, W, 3], RGB 0..255
    model.signatures["serve_bytes"](image_bytes=[encoded])["scores"]     # string [N], JPEG or PNG
    model.signatures["heat_maps"](images=batch)["heat_maps"]             # float32 [N, h, w, C]

Images are tiled as they are, of any size; those of a batch have one. A heat map covers the whole image, whatever its
sides. Every output has the batch first; `class_names` string [N, C] goes with scores and maps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.export.saved_model import Answer, versions, write_saved_model
from sjft_tf.images import ValueRange, decode_bytes
from sjft_tf.patches import PatchModel

PATCHES_FORMAT = "sjft_tf patches, version 1"


class _Serving(tf.Module):
    """Holds the variables and the traced functions."""

    def __init__(self, model: PatchModel, class_names: Sequence[str], given: ValueRange | None) -> None:
        super().__init__(name="sjft_tf_patches")
        # Not the model itself, whose Keras layers stay outside the file.
        self.variables_used = [*model.network.weights, *model.layers]
        names = tf.constant(list(class_names), tf.string)
        count, side = len(class_names), model.side
        scores = tf.TensorSpec([count], tf.float32)
        maps = tf.TensorSpec([side, side, count], tf.float32)

        def named(name: str, values: tf.Tensor) -> Answer:
            rows = tf.shape(values)[:1]
            return {name: values, "class_names": tf.broadcast_to(names, tf.concat([rows, [count]], 0))}

        def score(image: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(model.judged(image)[0][0], [count])

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")], autograph=False)
        def serve_images(images: tf.Tensor) -> Answer:
            return named("scores", tf.map_fn(score, images, fn_output_signature=scores))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")], autograph=False)
        def serve_bytes(image_bytes: tf.Tensor) -> Answer:
            def one(encoded: tf.Tensor) -> tf.Tensor:
                with tf.device("/CPU:0"):
                    image = tf.cast(decode_bytes(encoded, given), tf.float32)
                return score(image)

            return named("scores", tf.map_fn(one, image_bytes, fn_output_signature=scores))

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")], autograph=False)
        def heat_maps(images: tf.Tensor) -> Answer:
            found = tf.map_fn(lambda image: model.judged(image)[1], images, fn_output_signature=maps)
            return named("heat_maps", found)

        self.serve_images, self.serve_bytes, self.heat_maps = serve_images, serve_bytes, heat_maps


def export_patches(
    model: PatchModel,
    class_names: Sequence[str],
    path: str | os.PathLike[str],
    description: Mapping[str, object] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Path:
    """Writes network and head as a SavedModel that needs TensorFlow alone, atomically; an earlier one is replaced.

    Args:
        model: its first exponent makes the scores.
        class_names: C names, in label order.
        path: the folder to write.
        description: what it was made from: JSON-able, kept in `assets.extra/sjft_tf.json` as `made_from`.
        value_range: the values that were black and white in training, in images of more than 8 bits.

    Returns:
        The folder.

    Raises:
        InputError: another number of class names.
    """
    if len(class_names) != model.num_classes:
        raise InputError(f"The model has {model.num_classes} classes. Received: {len(class_names)} class names")
    serving = _Serving(model, class_names, None if value_range is None else ValueRange(*value_range))
    signatures = {
        "serving_default": serving.serve_images,
        "serve_bytes": serving.serve_bytes,
        "heat_maps": serving.heat_maps,
    }
    content = {
        "format": PATCHES_FORMAT,
        "class_names": list(class_names),
        "made_from": dict(description or {}),
        "value_range": list(value_range or ()),
        "versions": versions(),
    }
    return write_saved_model(serving, signatures, content, path)
