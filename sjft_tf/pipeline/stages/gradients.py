"""--selector=gradients: which source images would change the network as a class of the target would."""

from __future__ import annotations

import numpy as np

from sjft_tf import artifacts, progress
from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import (
    GRADIENT_WIDTH,
    GradientStream,
    HeadedTrunk,
    Sides,
)
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.stages.gradient_checkpoints import checkpoint_stamp, checkpoints, forget_training
from sjft_tf.pipeline.stages.importance import fit_stamp
from sjft_tf.pipeline.stages.weight_rules import ImageRule
from sjft_tf.run_sets import Sets
from sjft_tf.selection import ImageWeights, gradient_likeness
from sjft_tf.workdir import Workdir


def weights_by(networks: list[HeadedTrunk], sets: Sets, stream: GradientStream) -> ImageWeights:
    """The weights of all source images in one pass over them; memory does not grow with their number."""
    source, rates = sets.source_images(), [network.rate for network in networks]
    sides = stream.sides(sets.target, "target")
    means = _class_means(stream, sets.target, sides)
    weights = ImageWeights(np.zeros(len(source)), np.zeros(len(source), np.int32))
    with progress.bar(len(source), "Gradients of the source") as shown:
        for rows, gradients in stream.blocks(source, "source", sides):
            block = gradient_likeness(gradients, means, rates)
            for whole, part in zip(weights, block, strict=True):
                whole[rows] = part
            shown.update(len(rows))
    return weights


def _class_means(stream: GradientStream, target: ImageSet, sides: list[Sides]) -> list[np.ndarray]:
    """The mean gradient of each class by each network, float32 [C_t, G]."""
    sums = [np.zeros((target.num_classes, one.inputs.shape[1] * one.outputs.shape[1])) for one in sides]
    for rows, gradients in stream.blocks(target, "target", sides):
        for total, part in zip(sums, gradients, strict=True):
            np.add.at(total, target.labels[rows], part)
    return [(total / target.class_counts[:, None]).astype(np.float32) for total in sums]


def _made(config: RunConfig, sets: Sets, workdir: Workdir) -> ImageWeights:
    networks = checkpoints(config, sets, workdir)
    stream = GradientStream(networks, network_view(config), config.training.eval_batch_size)
    weights = weights_by(networks, sets, stream)
    forget_training(workdir)
    return weights


def _how(config: RunConfig) -> artifacts.Stamp:
    return {**fit_stamp(config), "directions": GRADIENT_WIDTH, **checkpoint_stamp(config)}


GRADIENTS = ImageRule("gradients", "gradients", _made, _how)
