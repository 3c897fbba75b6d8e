"""--adapt_steps: before anything else the trunk learns the source, at the run's resolution and alone.

The paper's trunk had learned its source, ImageNet, at the size it went on with (Ge & Yu 2017, section 4.1). Weights
that come from elsewhere, or from larger images, have not.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import JointModel, load_trunk_weights, save_trunk, trunk_of
from sjft_tf.pipeline.networks import adapted_stamp, build_model, source_settings
from sjft_tf.pipeline.stages.heads import alone_in, start_heads
from sjft_tf.run_sets import Sets
from sjft_tf.training import (
    ALONE,
    CheckpointPolicy,
    Checkpoints,
    Cluster,
    RoundHooks,
    RoundSettings,
    StopRequest,
    TrainingSets,
    train_rounds,
)
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def adapt_trunk(
    config: RunConfig,
    sets: Sets,
    model: JointModel,
    workdir: Workdir,
    stop: StopRequest | None = None,
    cluster: Cluster = ALONE,
) -> None:
    """Gives the model's trunk the weights it has after learning the source; nothing with --adapt_steps=0.

    They lie in `workdir.adapted`, in a folder named by what they are made from. Learning that was broken off goes on
    from its last checkpoint.

    Args:
        config: all settings.
        sets: with a source.
        model: with its starting weights, changed in place.
        workdir: its `adapted` may be shared by several runs, whatever their seeds and rates.
        stop: see `stages.learning.train`.
        cluster: the devices.

    Raises:
        InputError: the loss became NaN or infinite, or a file is damaged.
        Stopped: on request.
    """
    if not config.model.adapt_steps:
        return
    source = sets.source_images()
    folder = workdir.adapted / artifacts.fingerprint(adapted_stamp(config, source))[:8]
    path = folder / workdir.trunk.name
    with alone_in(folder) if cluster.is_chief else contextlib.nullcontext(), workdir.timed("learning the source"):
        if not bool(cluster.once(lambda: {"there": np.array(path.is_file())})["there"]):
            adapted = _learned(config, source, folder, workdir, stop, cluster)
            if cluster.is_chief:
                save_trunk(adapted, path)
                artifacts.remove_directory(folder / workdir.rounds.name)
    if cluster.is_chief:
        load_trunk_weights(trunk_of(model), path)
    cluster.share(model.weights)


def _learned(
    config: RunConfig, source: ImageSet, folder: Path, workdir: Workdir, stop: StopRequest | None, cluster: Cluster
) -> keras.Model:
    """A model of the source alone, trained."""
    settings = source_settings(config)
    log.info("the trunk learns the %d source images for %d steps", len(source), config.model.adapt_steps)
    model = build_model(settings, source.num_classes, None, cluster)
    start_heads(settings, Sets(source), model, workdir, cluster)
    made_from = dict(adapted_stamp(config, source)) | ({"devices": cluster.replicas} if cluster.replicas > 1 else {})
    kept, rounds = config.checkpoints, folder / workdir.rounds.name
    alone = cluster.replicas == 1
    store = Checkpoints(folder / workdir.checkpoints.name, kept.keep_checkpoints, made_from) if alone else None
    policy = CheckpointPolicy(rounds, made_from, store, kept.checkpoint_steps, stop=stop if alone else None)
    if not cluster.is_chief:
        policy = CheckpointPolicy(rounds, made_from)
    train_rounds(RoundSettings.of(settings), model, None, TrainingSets(source), policy, RoundHooks(), cluster)
    return model
