"""The run's trunk: as training has it, and as it looks at images before anything is trained."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import keras

from sjft_tf import artifacts
from sjft_tf.catalog import PREACT_RESNET, has_alpha, trunk_called
from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import (
    FeatureStream,
    JointModel,
    build_joint_model,
    build_trunk,
    momentum_for_run,
    precision_scope,
    reset_from,
)
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.training import ALONE, Cluster
from sjft_tf.weight_files import check_weight_file

_ALSO_ON_THE_SOURCE = (
    *("batch_size", "accumulate", "optimizer", "momentum", "weight_decay", "label_smoothing", "clip_norm", "jit"),
    *("steps_per_execution", "eval_batch_size", "view_cache_mb", "deterministic"),
)
"""Settings of training that learning the source has in common with the run."""


def build_run_trunk(config: RunConfig, weights: str) -> keras.Model:
    """The configured trunk with these weights."""
    settings = config.model
    with precision_scope(settings.precision):
        return build_trunk(
            settings.trunk,
            config.view.image_size,
            weights=weights,
            alpha=settings.alpha or None,
            depth=settings.depth,
            width=settings.width,
            batch_norm_momentum=settings.batch_norm_momentum or momentum_for_run(config.training.total_steps),
        )


def build_model(
    config: RunConfig, target_classes: int, source_classes: int | None, cluster: Cluster = ALONE
) -> JointModel:
    """The joint model with its starting weights, the heads drawn from the run's seed, on all devices of `cluster`."""
    keras.utils.set_random_seed(config.training.seed)
    settings = config.model
    with cluster.building():
        trunk = build_run_trunk(config, settings.weights)
        if settings.reset_from and settings.weights != "none":
            trunk = reset_from(trunk, settings.reset_from, build_run_trunk(config, "none"))
        return build_joint_model(trunk, target_classes, source_classes, dropout=settings.dropout)


def starting_trunk(config: RunConfig) -> keras.Model:
    """The trunk that looks at images before training: --weights in every layer (also with --reset_from), in float32."""
    model = dataclasses.replace(config.model, precision="float32")
    return build_run_trunk(dataclasses.replace(config, model=model), config.model.weights)


def starting_features(config: RunConfig) -> FeatureStream:
    """The features of `starting_trunk`: resized and cropped in the middle as for evaluation, without augmentation."""
    return FeatureStream(starting_trunk(config), network_view(config), config.training.eval_batch_size)


def starting_stamp(config: RunConfig) -> artifacts.Stamp:
    """What such features depend on beside the images: trunk, digest of its weights, view.

    Raises:
        InputError: no such trunk or weight file.
    """
    settings, trunk = config.model, trunk_called(config.model.trunk)
    options = [settings.depth, settings.width] if trunk == PREACT_RESNET else [settings.alpha or 1.0] * has_alpha(trunk)
    weights, view = weights_identity(settings.weights), network_view(config)
    return {"trunk": [trunk, *options], "weights": weights, "view": [int(view.resize), int(view.crop)]}


def adapted_stamp(config: RunConfig, source: ImageSet) -> artifacts.Stamp:
    """What the trunk that learned the source depends on; not the run's seed or rate."""
    sections = ("view", "augmentation", "model", "training")
    origin = {"source images": source.fingerprint, "weights": weights_identity(config.model.weights)}
    return source_settings(config).stamp(*sections) | origin


def source_settings(config: RunConfig) -> RunConfig:
    """The settings by which the source is learned: nothing is frozen or mixed, the rate falls as a cosine, seed 0."""
    plain = RunConfig()
    training = dataclasses.replace(
        plain.training,
        rounds=1,
        steps_per_round=config.model.adapt_steps,
        learning_rate=config.model.adapt_rate,
        schedule="cosine",
        **{name: getattr(config.training, name) for name in _ALSO_ON_THE_SOURCE},
    )
    selection = dataclasses.replace(plain.selection, selector="none")
    model = dataclasses.replace(config.model, freeze="", freeze_batch_norm=False, adapt_steps=0, start_statistics=0.0)
    config = config.replace("augmentation", mixup=0.0, cutmix=0.0)  # which are the target's
    return dataclasses.replace(config, training=training, selection=selection, model=model)


def weights_identity(weights: str) -> str:
    """What --weights is known by in stamps: a file by a digest of its content, wherever it lies; else the name.

    Raises:
        InputError: there is no such file.
    """
    if weights in ("none", "imagenet"):
        return weights
    path = Path(check_weight_file(weights))
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@cache
def _digest(path: Path, size: int, time: int) -> str:
    # Several stamps of a run name the weights, which may be hundreds of MB: one reading for as long as they stay.
    return artifacts.fingerprint(path.read_bytes())
