"""A saved trunk's layers without their weights: what a run keeps, so that it needs the user's model no more."""

from __future__ import annotations

from pathlib import Path

import keras

from sjft_tf import artifacts
from sjft_tf.models.hub import register_hub_layers
from sjft_tf.weight_files import reading


def read_architecture(path: Path) -> keras.Model:
    """A trunk that `write_architecture` wrote, its weights random.

    Raises:
        InputError: it is missing or damaged, or needs KerasHub.
    """
    remedy = "Start the training's command again: it writes the file anew and keeps the rounds"
    text = artifacts.read_json(path, {"architecture": str}, remedy)["architecture"]
    register_hub_layers(text)
    with reading(lambda said: f"{path} cannot be read as a trunk: {said}. {remedy}"):
        return keras.models.model_from_json(text)


def write_architecture(trunk: keras.Model, path: Path) -> None:
    """Keeps a trunk's layers without their weights, so that a run needs the model it came from no more."""
    artifacts.write_json(path, {"architecture": trunk.to_json()})
