"""What a run keeps of the network that it starts with: a saved trunk's layers, which weights of a file were taken."""

from __future__ import annotations

import logging

import keras

from sjft_tf.artifacts import atomic_write
from sjft_tf.catalog import is_saved
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.models import match_weights, matches_in_words, trunk_of, write_architecture
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def keep_start(config: RunConfig, model: keras.Model, workdir: Workdir) -> None:
    """Writes `trunk.json` of a saved trunk, and with --partial_weights `weights.csv`, whose figures are told."""
    trunk = trunk_of(model)
    if is_saved(config.model.trunk):
        write_architecture(trunk, workdir.architecture)
    if config.model.partial_weights:
        _, matches = match_weights(trunk, config.model.weights)
        for line in matches_in_words(matches):
            log.info("%s", line)
        with atomic_write(workdir.loaded_weights, "w") as stream:
            writer = Writer(stream)
            writer.writerow(["layer", "state", "in_file", "shapes"])
            writer.writerows(matches)
