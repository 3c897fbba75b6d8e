"""Features by the starting trunk of the target and of as much of the source as a head is fitted to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import spread_rows, trunk_features
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import in_float32, starting_trunk
from sjft_tf.pipeline.sharding.featuring import features_elsewhere, looking_for
from sjft_tf.workdir import Workdir

MOST_IMAGES = 100_000
"""Source images a head is fitted to; of larger sources so many are taken, of every class its share."""


class StartingFeatures(NamedTuple):
    """What the starting trunk sees.

    Attributes:
        target: float32 [N_t, F].
        source: float32 [R, F].
        rows: int64 [R], the source rows that were looked at, ascending.
    """

    target: np.ndarray
    source: np.ndarray
    rows: np.ndarray


def starting_features_of(config: RunConfig, target: ImageSet, source: ImageSet, workdir: Workdir) -> StartingFeatures:
    """Features of all target images and of at most `MOST_IMAGES` source images, memory-mapped."""
    rows = spread_rows(source.labels, MOST_IMAGES)
    chosen = source if len(rows) == len(source) else source.subset(rows)
    trunk = starting_trunk(config)
    features = trunk_features(
        *(trunk, [target, chosen], network_view(config), workdir.root, config.training.eval_batch_size),
        features_elsewhere(trunk, looking_for(in_float32(config)), workdir),
    )
    return StartingFeatures(features[: len(target)], features[len(target) :], rows)
