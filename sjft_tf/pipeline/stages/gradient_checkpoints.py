"""The networks whose gradients --selector=gradients compares: the start, and moments of a short joint training."""

from __future__ import annotations

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.models import (
    HeadedTrunk,
    LinearHead,
    Scaling,
    Scorer,
    build_joint_model,
    fit_softmax_head,
)
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import starting_trunk
from sjft_tf.pipeline.stages.source_features import starting_features_of
from sjft_tf.run_sets import Sets
from sjft_tf.training import CheckpointPolicy, RoundHooks, RoundSettings, TrainingSets, load_round_weights, train_rounds
from sjft_tf.workdir import Workdir

SHARE, LEAST_STEPS = 0.05, 20
"""The short training has this share of the run's steps, at least so many between two checkpoints."""


def checkpoints(config: RunConfig, sets: Sets, workdir: Workdir) -> list[HeadedTrunk]:
    """The starting trunk with heads fitted to its features, and `gradient_checkpoints` - 1 later ones."""
    source = sets.source_images()
    seen = starting_features_of(config, sets.target, source, workdir)
    heads = {
        "target": _fitted(seen.target, sets.target.labels, sets.target.num_classes),
        "source": _fitted(seen.source, source.labels[seen.rows], source.num_classes),
    }
    start = HeadedTrunk(starting_trunk(config), heads)
    return [start, *_trained(config, sets, start, workdir)]


def short_training(config: RunConfig) -> RunConfig:
    """The settings of the training in between: joint, on the whole source, nothing that a trial of the run varies."""
    later, total = config.selection.gradient_checkpoints - 1, config.training.total_steps
    steps = max(LEAST_STEPS, int(np.ceil(SHARE * total / max(1, later))))
    plain = RunConfig()
    return (
        config.replace("selection", **{**vars(plain.selection), "selector": "all"})
        .replace("model", precision="float32", reset_from="", head_start=plain.model.head_start, adapt_steps=0)
        .replace("training", rounds=max(1, later), steps_per_round=steps, seed=0, target_weight=1.0, source_weight=1.0)
        .replace("training", learning_rate=config.selection.gradient_rate, schedule="constant", warmup_steps=0)
        .replace("training", recompute_batch_norm=0, average_weights=0.0, l2_sp=0.0, jit=False, co_tuning="0")
        .replace("augmentation", mixup=0.0, cutmix=0.0)
        .replace("training", class_weight="none", sampling="uniform", early_stopping=0)
    )


def checkpoint_stamp(config: RunConfig) -> artifacts.Stamp:
    """What the networks depend on beside images, trunk, starting weights, view and how heads are fitted."""
    later = config.selection.gradient_checkpoints - 1
    if not later:
        return {"checkpoints": 0}
    short = short_training(config)
    return {"checkpoints": later, "short training": short.stamp("view", "augmentation", "model", "training")}


def forget_training(workdir: Workdir) -> None:
    """Removes what the short training left to go on from: the weights of the source are there."""
    artifacts.remove_directory(workdir.gradient_rounds)


def _fitted(features: np.ndarray, labels: np.ndarray, num_classes: int) -> LinearHead:
    scaling = Scaling.of(features, np.arange(len(features)))
    return LinearHead(*fit_softmax_head(features, labels, num_classes, scaling).dense())


def _trained(config: RunConfig, sets: Sets, start: HeadedTrunk, workdir: Workdir) -> list[HeadedTrunk]:
    later = config.selection.gradient_checkpoints - 1
    if not later:
        return []
    short, folder = short_training(config), workdir.gradient_rounds
    keras.utils.set_random_seed(short.training.seed)
    trunk = starting_trunk(config)
    model = build_joint_model(trunk, sets.target.num_classes, sets.source_images().num_classes, short.model.dropout)
    for domain, head in start.heads.items():
        model.get_layer(f"{domain}_head").set_weights([head.kernel, head.bias])
    made_from = {
        "target": sets.target.fingerprint,
        "source": sets.source_images().fingerprint,
        **checkpoint_stamp(config),
    }
    scorer = Scorer(model, network_view(config), config.training.eval_batch_size)
    training_sets = TrainingSets(sets.target, sets.source)
    train_rounds(
        RoundSettings.of(short), model, scorer, training_sets, CheckpointPolicy(folder, made_from), RoundHooks()
    )
    found = []
    for index in range(later):
        load_round_weights(folder, index, model)
        moment = starting_trunk(config)
        moment.set_weights(trunk.get_weights())
        heads = {domain: LinearHead(*model.get_layer(f"{domain}_head").get_weights()) for domain in start.heads}
        found.append(HeadedTrunk(moment, heads))
    return found
