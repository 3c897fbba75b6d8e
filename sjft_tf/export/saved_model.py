"""The last stage: a SavedModel that answers for the target task wherever TensorFlow is installed.

The folder holds a plain TensorFlow graph and its variables: neither `sjft_tf` nor Keras is needed to use it.

    model = tf.saved_model.load("saved_model")
    answer = model.signatures["serving_default"](images=tf.constant(batch))       # float32 [N, H, W, 3], RGB 0..255
    answer = model.signatures["serve_bytes"](image_bytes=tf.constant([encoded]))  # string [N], JPEG or PNG
    answer = model.signatures["serve_prepared"](pixels=tf.constant(views))        # float32 [N, crop, crop, 3]
    answer["class_name"], answer["probability"]                                   # the best class of each image

The first two resize and crop as the run did when it was evaluated, and keep the aspect ratio where it did. The third
takes pixels as the network does, RGB in 0..255, for views of one's own: cut several windows of an image and average
their probabilities.

Every output has the batch as its first dimension, as TensorFlow Serving asks:

- `class_name` string [N], `probability` float32 [N]: the most probable class;
- `probabilities` float32 [N, C], `class_names` string [N, C]: all classes, in label order, the same in every row.

Where an image may have several labels the probabilities are those of sigmoids, each for itself: its labels are those
above 0.5, which may be none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict, cast

import keras
import numpy as np
import tensorflow as tf

import sjft_tf
from sjft_tf import artifacts, sealed
from sjft_tf.errors import InputError
from sjft_tf.images import SQUASH, ValueRange, decode_bytes, squared
from sjft_tf.models import target_activation, target_logits
from sjft_tf.schema import Form, mismatch, short

FORMAT = "sjft_tf saved model, version 1"
DESCRIPTION_FILE = Path("assets.extra") / "sjft_tf.json"
DIGESTS_FILE = Path("assets.extra") / "digests.json"
SIGNATURES = {"serving_default": "serve_images", "serve_bytes": "serve_bytes", "serve_prepared": "serve_prepared"}
_DESCRIPTION: dict[str, Form] = {
    "class_names": [str],
    "resize": int,
    "crop": int,
    "made_from": dict,
    "versions": {"*": str},
    "value_range?": [float],
    "aspect_ratio?": str,
    "several_labels?": bool,
}
_AGAIN = "Make it again with scripts/export.py."

Answer = dict[str, tf.Tensor]
"""By name what a signature gives, see above."""


class ServedView(Protocol):
    """What the exported model sees of an image: uint8 [H, W, 3] -> float32 [crop, crop, 3]; `images.View`."""

    @property
    def resize(self) -> int:
        """Side to which an image is resized, in pixels."""
        ...

    @property
    def crop(self) -> int:
        """Side of what is cut from its center, in pixels."""
        ...

    def __call__(self, image: tf.Tensor, /) -> tf.Tensor: ...


class ModelDescription(TypedDict):
    """What an exported model says of itself: classes in label order, its view, what it was made from and by.

    `value_range` has the values that were black and white in training, in images of more than 8 bits; [] where their
    type said it. `aspect_ratio` says what made squares of wide and tall images; without it they were squashed.
    `several_labels` says that an image may have several, each by its own probability.
    """

    class_names: list[str]
    resize: int
    crop: int
    made_from: artifacts.Stamp
    versions: dict[str, str]
    value_range: NotRequired[list[float]]
    aspect_ratio: NotRequired[str]
    several_labels: NotRequired[bool]


class _Serving(tf.Module):
    """Holds the variables and the traced functions; the Keras model itself stays outside the file."""

    def __init__(
        self,
        model: keras.Model,
        class_names: Sequence[str],
        view: ServedView,
        given: ValueRange | None,
        aspect_ratio: str,
        activation: Callable[[tf.Tensor], tf.Tensor],
    ) -> None:
        super().__init__(name="sjft_tf_serving")
        # Keras 3 wraps its variables; what a SavedModel can track is the tf.Variable inside.
        self.weights = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
        crop = tf.TensorSpec([view.crop, view.crop, 3], tf.float32)
        names = tf.constant(list(class_names), tf.string)

        def answer(images: tf.Tensor) -> Answer:
            p = activation(tf.cast(model(images, training=False), tf.float32))
            best = tf.argmax(p, axis=-1)
            return {
                "class_name": tf.gather(names, best),
                "probability": tf.reduce_max(p, axis=-1),
                "probabilities": p,
                "class_names": tf.broadcast_to(names[tf.newaxis], tf.shape(p)),
            }

        def prepare(image: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(view(squared(image, aspect_ratio)), crop.shape)

        def decode(encoded: tf.Tensor) -> tf.Tensor:
            return prepare(decode_bytes(encoded, given))

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="images")])
        def serve_images(images: tf.Tensor) -> Answer:
            # The view itself is traced, image by image, so that the answer cannot drift from the one in training.
            # On the CPU, the only place its resize has a kernel, not to and fro for every image.
            with tf.device("/CPU:0"):
                prepared = tf.map_fn(prepare, images, fn_output_signature=crop)
            return answer(prepared)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def serve_bytes(image_bytes: tf.Tensor) -> Answer:
            with tf.device("/CPU:0"):
                prepared = tf.map_fn(decode, image_bytes, fn_output_signature=crop)
            return answer(prepared)

        side = [None, view.crop, view.crop, 3]

        @tf.function(input_signature=[tf.TensorSpec(side, tf.float32, name="pixels")])
        def serve_prepared(pixels: tf.Tensor) -> Answer:
            return answer(pixels)

        self.serve_images, self.serve_bytes, self.serve_prepared = serve_images, serve_bytes, serve_prepared


def export_saved_model(
    model: keras.Model,
    class_names: Sequence[str],
    view: ServedView,
    path: str | os.PathLike[str],
    description: Mapping[str, object] | None = None,
    value_range: tuple[float, float] | None = None,
    aspect_ratio: str = SQUASH,
) -> Path:
    """Writes the target half of a joint model as a SavedModel, atomically; an earlier one is replaced.

    Dropout is off and batch normalization uses its moving statistics. The source head is left out.
    The bytes signature decodes JPEG and PNG with TensorFlow alone, to the pixels the model was trained on (see
    `images.decode_bytes`): all depths and color types, transparency laid over white, turned upright by EXIF. It refuses
    other formats.

    Args:
        model: the joint model (one input [H, W, 3] RGB 0..255, dict output with "target": logits [N, C]).
        class_names: C names, in label order.
        view: `images.View`, the resize and crop the model is evaluated with.
        path: the folder to write.
        description: what the model was made from (fingerprints, settings, metrics): JSON-able, kept in
            `assets.extra/sjft_tf.json` as `made_from`.
        value_range: the values that were black and white in training, in images of more than 8 bits; None (default):
            what their type says.
        aspect_ratio: what made squares of wide and tall images in training, see `images.squared`.

    Returns:
        The folder.

    Raises:
        InputError: if class names or view do not fit the model.
    """
    check_fits(model, class_names, view)
    given = None if value_range is None else ValueRange(*value_range)
    serving = _Serving(target_logits(model), class_names, view, given, aspect_ratio, target_activation(model))
    signatures = {name: getattr(serving, attribute) for name, attribute in SIGNATURES.items()}
    content = {
        "format": FORMAT,
        "class_names": list(class_names),
        "resize": int(view.resize),
        "crop": int(view.crop),
        "made_from": dict(description or {}),
        "value_range": list(value_range or ()),
        "aspect_ratio": aspect_ratio,
        **({"several_labels": True} if getattr(model, "several_labels", False) else {}),
        "versions": versions(),
    }
    return write_saved_model(serving, signatures, content, path)


def write_saved_model(
    serving: tf.Module,
    signatures: Mapping[str, tf.types.experimental.PolymorphicFunction],
    description: Mapping[str, object],
    path: str | os.PathLike[str],
) -> Path:
    """Writes a module with its signatures as a SavedModel that tells what it is and has digests of its files; atomic.

    Args:
        serving: holds variables and functions.
        signatures: by name.
        description: JSON-able, kept in `assets.extra/sjft_tf.json`.
        path: the folder to write.

    Returns:
        The folder.
    """
    with artifacts.atomic_directory(path) as folder:
        tf.saved_model.save(serving, str(folder), signatures=dict(signatures))
        artifacts.write_json(folder / DESCRIPTION_FILE, dict(description))
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        digests = {file.relative_to(folder).as_posix(): sealed.file_digest(file) for file in files}
        artifacts.write_json(folder / DIGESTS_FILE, {"files": digests})
    return Path(path)


def check_fits(model: keras.Model, class_names: Sequence[str], view: ServedView) -> None:
    """Refuses class names and a view that are not those of the joint model.

    Raises:
        InputError: another number of names, or another side.
    """
    head = target_logits(model)
    num_classes, size = int(head.output.shape[-1]), tuple(head.input.shape[1:3])
    if len(class_names) != num_classes:
        raise InputError(f"The model has {num_classes} target classes. Received: {len(class_names)} class names")
    if any(side not in (None, view.crop) for side in size):
        raise InputError(f"The model takes images of {size[0]} x {size[1]}, the view gives {view.crop} x {view.crop}.")


def versions() -> dict[str, str]:
    """What an exported model was made by."""
    packages = {"tensorflow": tf, "keras": keras, "numpy": np, "sjft_tf": sjft_tf}
    return {name: package.__version__ for name, package in packages.items()}


def read_description(path: str | os.PathLike[str], remedy: str = _AGAIN) -> ModelDescription:
    """What an exported model says of itself.

    Args:
        path: its folder.
        remedy: what to do about another kind of file, for the message.

    Raises:
        InputError: it is damaged or of another format.
    """
    file = Path(path) / DESCRIPTION_FILE
    description = artifacts.read_json(file, remedy=remedy)
    format_name = description.get("format")
    if format_name != FORMAT:
        raise InputError(f"{path} must be of format {FORMAT!r}. Received: {short(format_name)}. {remedy}")
    if (reason := mismatch(description, _DESCRIPTION, "it")) is not None:
        raise InputError(f"{file} is damaged: {reason}. {_AGAIN}")
    return cast(ModelDescription, description)


def check_exported(path: str | os.PathLike[str]) -> None:
    """Compares every file of an exported model with its digest.

    Raises:
        InputError: one is missing, damaged or was changed.
    """
    folder = Path(path)
    for name, digest in artifacts.read_json(folder / DIGESTS_FILE, {"files": {"*": str}}, _AGAIN)["files"].items():
        if not (folder / name).is_file() or sealed.file_digest(folder / name) != digest:
            raise InputError(f"{folder / name} is missing or damaged: it is not the file that was written. {_AGAIN}")
