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
    LinearHead,
    Scaling,
    Sides,
    fit_source_head,
)
from sjft_tf.pipeline.inputs import Sets, network_view
from sjft_tf.pipeline.networks import starting_trunk
from sjft_tf.pipeline.stages.importance import head_stamp
from sjft_tf.pipeline.stages.source_features import starting_features_of
from sjft_tf.pipeline.stages.weight_rules import ImageRule
from sjft_tf.selection import ImageWeights, gradient_likeness
from sjft_tf.workdir import Workdir


def checkpoints(config: RunConfig, sets: Sets, workdir: Workdir) -> list[HeadedTrunk]:
    """The networks whose gradients are compared: the starting trunk with heads fitted to its features."""
    source = sets.source_images()
    seen = starting_features_of(config, sets.target, source, workdir)
    heads = {
        "target": _fitted(seen.target, sets.target.labels, sets.target.num_classes),
        "source": _fitted(seen.source, source.labels[seen.rows], source.num_classes),
    }
    return [HeadedTrunk(starting_trunk(config), heads)]


def _fitted(features: np.ndarray, labels: np.ndarray, num_classes: int) -> LinearHead:
    return LinearHead.of(fit_source_head(features, labels, num_classes, Scaling.of(features, np.arange(len(features)))))


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
    return weights_by(networks, sets, stream)


def _how(config: RunConfig) -> artifacts.Stamp:
    return {**head_stamp(config), "directions": GRADIENT_WIDTH, "checkpoints": ["start"]}


GRADIENTS = ImageRule("gradients", "gradients", _made, _how)
