"""The run's trunk: as training has it, and as it looks at images before anything is trained."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import keras

from sjft_tf import artifacts
from sjft_tf.catalog import KERAS_HUB, MODEL, PLAIN, PREACT_RESNET, has_alpha, is_saved, trunk_called
from sjft_tf.config import ModelConfig, RunConfig, Setting
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
from sjft_tf.weight_files import check_weight_file, existing_file
from sjft_tf.workdir import Workdir

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
            layer=settings.trunk_layer,
            preprocessing=settings.preprocessing,
            partial=settings.partial_weights,
            batch_norm_momentum=settings.batch_norm_momentum or momentum_for_run(config.training.total_steps),
        )


def build_model(
    config: RunConfig,
    target_classes: int,
    source_classes: int | None,
    cluster: Cluster = ALONE,
    several_labels: bool = False,
) -> JointModel:
    """The joint model with its starting weights, the heads drawn from the run's seed, on all devices of `cluster`.

    `several_labels`: images of the target may have several, see `build_joint_model`.
    """
    keras.utils.set_random_seed(config.training.seed)
    settings = config.model
    with cluster.building():
        trunk = build_run_trunk(config, settings.weights)
        if settings.reset_from and settings.weights != "none":
            trunk = reset_from(trunk, settings.reset_from, build_run_trunk(config, "none"))
        return build_joint_model(trunk, target_classes, source_classes, settings.dropout, several_labels)


def starting_trunk(config: RunConfig) -> keras.Model:
    """The trunk that looks at images before training: --weights in every layer (also with --reset_from), in float32."""
    return build_run_trunk(in_float32(config), config.model.weights)


def in_float32(config: RunConfig) -> RunConfig:
    """The settings of `starting_trunk`."""
    return config.replace("model", precision="float32")


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
    options += [settings.width] * (trunk in PLAIN)
    view = network_view(config)
    return {"trunk": [trunk, *options], "view": [int(view.resize), int(view.crop)], **network_origin(settings)}


def adapted_stamp(config: RunConfig, source: ImageSet) -> artifacts.Stamp:
    """What the trunk that learned the source depends on; not the run's seed or rate."""
    sections = ("view", "augmentation", "model", "training")
    origin = {"source images": source.fingerprint, **network_origin(config.model)}
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


def as_kept(config: RunConfig, workdir: Workdir) -> RunConfig:
    """The settings that build a run's network for the weights of a round, which replace those it started with.

    A download, or a file that has moved, is not needed; of a saved trunk the run keeps the architecture.
    """
    fresh = config.replace("model", weights="none", partial_weights=False)
    if not is_saved(config.model.trunk):
        return fresh
    kept = f"{MODEL}{workdir.architecture}"
    return fresh.replace("model", trunk=kept, trunk_layer="", preprocessing="auto")


def network_origin(settings: ModelConfig) -> dict[str, Setting]:
    """What the starting network is known by in stamps beside its options: the content of files, wherever they lie.

    Raises:
        InputError: there is no such file.
    """
    origin: dict[str, Setting] = {"weights": weights_identity(settings.weights)}
    if settings.partial_weights:
        origin["partial_weights"] = True
    if is_saved(settings.trunk):
        origin["trunk"] = trunk_identity(settings.trunk)
        origin |= {"trunk_layer": settings.trunk_layer, "preprocessing": settings.preprocessing}
    return origin


def trunk_identity(trunk: str) -> str:
    """What a trunk is known by: a saved one by a digest of its file or of its preset's folder, another by its name.

    Raises:
        InputError: there is no such file.
    """
    if not is_saved(trunk):
        return trunk_called(trunk)
    kind = KERAS_HUB if trunk.startswith(KERAS_HUB) else MODEL
    path = Path(trunk.removeprefix(kind))
    if kind == KERAS_HUB and not path.is_dir():
        return trunk
    files = sorted(path.rglob("*")) if path.is_dir() else [existing_file(path, "model file")]
    return kind + artifacts.fingerprint([_file_digest(file) for file in files if file.is_file()])


def weights_identity(weights: str) -> str:
    """What --weights is known by in stamps: a file by a digest of its content, wherever it lies; else the name.

    Raises:
        InputError: there is no such file.
    """
    if weights in ("none", "imagenet"):
        return weights
    return _file_digest(Path(check_weight_file(weights)))


def _file_digest(path: Path) -> str:
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@cache
def _digest(path: Path, size: int, time: int) -> str:
    # Several stamps of a run name the weights, which may be hundreds of MB: one reading for as long as they stay.
    return artifacts.fingerprint(path.read_bytes())
