"""What a run's training changed inside its trunk."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from sjft_tf.artifacts import Artifact, Stamp, read_json, write_json
from sjft_tf.config import RunConfig
from sjft_tf.drift import DRIFT_FORM, StageDrift, measure
from sjft_tf.images import ImageSet
from sjft_tf.models import trunk_of
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import build_model, network_origin
from sjft_tf.pipeline.stages.results import counting_round
from sjft_tf.training import weights_digest
from sjft_tf.workdir import Workdir


def drift_of(workdir: Workdir, images: ImageSet, most: int = 1000) -> list[StageDrift]:
    """How far each stage of a finished run's trunk is from the weights it started with, found or made now.

    What --adapt_steps taught the trunk counts as a change.

    Args:
        workdir: the run's, with the weights of the round that counts.
        images: of the run's target.
        most: images whose features are compared, drawn by a fixed seed.

    Raises:
        InputError: weights that are no longer there, or are damaged.
    """
    config = workdir.read_config()
    number = counting_round(workdir, config.training.early_stopping)
    stamp: Stamp = {
        "weights": weights_digest(workdir.rounds, number),
        "start": network_origin(config.model) | {"reset_from": config.model.reset_from},
        "images": images.fingerprint,
        "most": most,
    }

    def make() -> list[StageDrift]:
        end = restore(workdir, number + 1, precision="float32")
        start = _start(config)
        rows = np.random.default_rng(0).permutation(len(images))[:most]
        view = network_view(config)
        return measure(start, trunk_of(end.model), images, view, np.sort(rows), config.training.eval_batch_size)

    def save(path: Path, stages: list[StageDrift], made_from: Stamp) -> None:
        shown = min(most, len(images))
        write_json(path, {"images": shown, "stages": [vars(one) for one in stages], "made_from": made_from})

    return Artifact(workdir.drift, stamp, _load, save, replaceable=True).get(make)


def _start(config: RunConfig) -> keras.Model:
    """The trunk as the run began with it; its heads have a class each, which changes nothing of it."""
    plain = config.replace("model", precision="float32")
    return trunk_of(build_model(plain, 2, None))


def _load(path: Path) -> tuple[list[StageDrift], Stamp]:
    value = read_json(path, DRIFT_FORM)
    return [StageDrift.from_json(one) for one in value["stages"]], value["made_from"]
