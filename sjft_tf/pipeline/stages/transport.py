"""--selector=uot: which source classes the target's mass comes to lie on, by class means of the starting trunk."""

from __future__ import annotations

import numpy as np

from sjft_tf import artifacts, progress
from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import FeatureBlocks
from sjft_tf.pipeline.sharding.featuring import starting_blocks
from sjft_tf.pipeline.stages.weight_rules import ClassRule
from sjft_tf.run_sets import Sets
from sjft_tf.selection import ClassWeights, transport, transport_weights
from sjft_tf.workdir import Workdir


def _class_means(stream: FeatureBlocks, images: ImageSet, title: str) -> np.ndarray:
    """float64 [C, F], in one pass over the images; 0 for classes without any."""
    sums = np.zeros((images.num_classes, stream.width))
    with progress.bar(len(images), title) as shown:
        for rows, features in stream.blocks(images):
            np.add.at(sums, images.labels[rows], features.astype(np.float64))
            shown.update(len(rows))
    return sums / np.maximum(images.class_counts, 1)[:, None]


def _made(config: RunConfig, sets: Sets, workdir: Workdir) -> ClassWeights:
    stream, source = starting_blocks(config, workdir), sets.source_images()
    ours = _class_means(stream, sets.target, "Class means of the target")
    theirs = _class_means(stream, source, "Class means of the source")
    stream.saved()
    return transport_weights(theirs, ours, source.labels, sets.target.labels)


def _how(_: RunConfig) -> artifacts.Stamp:
    strengths = [transport.SOURCE_STRENGTH, transport.TARGET_STRENGTH]
    return {"transport": [transport.COST_UNIT, transport.EPSILON, *strengths]}


CLASS_TRANSPORT = ClassRule(
    *("uot", "class transport", _made, _how),
    columns=("plan_share", "source_frequency", "weight"),
    symbols=("plan", "P_s", "weight"),
)
