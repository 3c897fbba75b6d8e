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
from sjft_tf.models import target_logits
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
    """

    class_names: list[str]
    resize: int
    crop: int
    made_from: artifacts.Stamp
    versions: dict[str, str]
    value_range: NotRequired[list[float]]
    aspect_ratio: NotRequired[str]


class LoadedModel(Protocol):
    """What `tf.saved_model.load` gives."""

    @property
    def signatures(self) -> Mapping[str, Callable[..., Answer]]:
        """By name."""
        ...


class _Serving(tf.Module):
    """Holds the variables and the traced functions; the Keras model itself stays outside the file."""

    def __init__(
        self,
        model: keras.Model,
        class_names: Sequence[str],
        view: ServedView,
        given: ValueRange | None,
        aspect_ratio: str,
    ) -> None:
        super().__init__(name="sjft_tf_serving")
        # Keras 3 wraps its variables; what a SavedModel can track is the tf.Variable inside.
        self.weights = [v if isinstance(v, tf.Variable) else v.value for v in model.variables]
        crop = tf.TensorSpec([view.crop, view.crop, 3], tf.float32)
        names = tf.constant(list(class_names), tf.string)

        def answer(images: tf.Tensor) -> Answer:
            p = tf.nn.softmax(tf.cast(model(images, training=False), tf.float32))
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
    head = target_logits(model)
    num_classes, size = int(head.output.shape[-1]), tuple(head.input.shape[1:3])
    if len(class_names) != num_classes:
        raise InputError(f"The model has {num_classes} target classes. Received: {len(class_names)} class names")
    if any(side not in (None, view.crop) for side in size):
        raise InputError(f"The model takes images of {size[0]} x {size[1]}, the view gives {view.crop} x {view.crop}.")
    given = None if value_range is None else ValueRange(*value_range)
    serving = _Serving(head, class_names, view, given, aspect_ratio)
    with artifacts.atomic_directory(path) as folder:
        tf.saved_model.save(
            serving,
            str(folder),
            signatures={name: getattr(serving, attribute) for name, attribute in SIGNATURES.items()},
        )
        artifacts.write_json(
            folder / DESCRIPTION_FILE,
            {
                "format": FORMAT,
                "class_names": list(class_names),
                "resize": int(view.resize),
                "crop": int(view.crop),
                "made_from": dict(description or {}),
                "value_range": list(value_range or ()),
                "aspect_ratio": aspect_ratio,
                "versions": {
                    "sjft_tf": sjft_tf.__version__,
                    "tensorflow": tf.__version__,
                    "keras": keras.__version__,
                    "numpy": np.__version__,
                },
            },
        )
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        digests = {file.relative_to(folder).as_posix(): sealed.file_digest(file) for file in files}
        artifacts.write_json(folder / DIGESTS_FILE, {"files": digests})
    return Path(path)


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


class Predictor:
    """An exported model, ready to predict. Made by `load_predictor`.

    Attributes:
        class_names: the C target classes, in the order of the probabilities' columns.
        description: what the file says of itself: resize, crop, made_from, versions.
    """

    def __init__(self, loaded: LoadedModel, description: ModelDescription) -> None:
        # A signature does not keep the variables alive; the loaded object does.
        self._loaded = loaded
        self.description = description
        self.class_names: tuple[str, ...] = tuple(description["class_names"])

    def predict(self, images: np.ndarray, batch_size: int = 128) -> np.ndarray:
        """Target probabilities of decoded images of one size.

        Args:
            images: [N, H, W, 3], RGB 0..255, uint8 or float; H and W are free.
            batch_size: images a forward pass.

        Returns:
            float32 [N, C].
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[-1] != 3:
            raise InputError(f"`images` must have shape [N, H, W, 3], RGB in 0..255. Received: {images.shape}")
        serve = self._loaded.signatures["serving_default"]
        return self._in_batches(
            images, batch_size, lambda part: serve(images=tf.constant(part.astype(np.float32, copy=False)))
        )

    def predict_bytes(self, encoded: Sequence[bytes], batch_size: int = 128) -> np.ndarray:
        """Target probabilities of encoded images, each of any size.

        Args:
            encoded: N contents of JPEG or PNG files.
            batch_size: images a forward pass.

        Returns:
            float32 [N, C].

        Raises:
            InputError: naming the position of the first one that cannot be decoded.
        """
        serve = self._loaded.signatures["serve_bytes"]

        def score(part: Sequence[bytes]) -> Answer:
            return serve(image_bytes=tf.constant(list(part), tf.string))

        try:
            return self._in_batches(encoded, batch_size, score)
        except tf.errors.InvalidArgumentError:
            _name_undecodable(encoded)
            raise

    def predict_prepared(self, pixels: np.ndarray, batch_size: int = 128) -> np.ndarray:
        """Target probabilities of pixels as the network takes them: nothing is resized or cropped.

        Args:
            pixels: float32 [N, crop, crop, 3], RGB 0..255.
            batch_size: pictures a forward pass.

        Returns:
            float32 [N, C].

        Raises:
            InputError: the model was exported before there was such a signature.
        """
        if "serve_prepared" not in self._loaded.signatures:
            raise InputError("This SavedModel is of an older version and takes no prepared views. Export it again.")
        serve = self._loaded.signatures["serve_prepared"]
        return self._in_batches(pixels, batch_size, lambda part: serve(pixels=tf.constant(part, tf.float32)))

    def _in_batches(
        self, items: np.ndarray | Sequence[bytes], batch_size: int, score: Callable[..., Answer]
    ) -> np.ndarray:
        if batch_size < 1:
            raise InputError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}")
        result = np.empty((len(items), len(self.class_names)), np.float32)
        for start in range(0, len(items), batch_size):
            part = items[start : start + batch_size]
            result[start : start + len(part)] = score(part)["probabilities"].numpy()
        return result


def load_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Opens a folder written by `export_saved_model`.

    Raises:
        InputError: if the folder is absent or is not such a SavedModel.
    """
    folder = Path(path)
    hint = "Name the `saved_model` folder of a finished run, or make one with scripts/export.py."
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}. {hint}")
    if not (folder / "saved_model.pb").is_file() or not (folder / DESCRIPTION_FILE).is_file():
        raise InputError(f"{folder} does not hold a SavedModel written by sjft_tf. {hint}")
    description = read_description(folder, hint)
    check_exported(folder)  # a changed bit in the variables would change answers without a word
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # a changed byte in graph or variables makes TensorFlow raise a dozen types
        reason = f"{type(error).__name__}: {error}"[:500]
        raise InputError(f"{folder} is damaged and cannot be loaded ({reason}). {hint}") from error
    return Predictor(loaded, description)


def _name_undecodable(encoded: Sequence[bytes]) -> None:
    for position, content in enumerate(encoded):
        try:
            decode_bytes(tf.constant(content, tf.string))
        except tf.errors.InvalidArgumentError as error:
            raise InputError(
                f"Image {position} of {len(encoded)} cannot be decoded; JPEG or PNG is expected. "
                f"Received: {len(content)} bytes beginning {content[:8]!r}. Other formats: turn them into PNG, or name "
                "the files to scripts/predict.py"
            ) from error
