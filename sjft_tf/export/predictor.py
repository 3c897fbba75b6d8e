"""An exported SavedModel, opened again: the same answers as the run's, in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.export.saved_model import DESCRIPTION_FILE, Answer, ModelDescription, check_exported, read_description
from sjft_tf.images import decode_bytes


class LoadedModel(Protocol):
    """What `tf.saved_model.load` gives."""

    @property
    def signatures(self) -> Mapping[str, Callable[..., Answer]]:
        """By name."""
        ...


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
