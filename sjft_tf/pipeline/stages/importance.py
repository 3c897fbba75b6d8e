"""--selector=class_importance: which source classes the target is taken for."""

from __future__ import annotations

import logging

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.models import Scaling, fit_softmax_head, softmax_head
from sjft_tf.pipeline.stages.source_features import MOST_IMAGES, starting_features_of
from sjft_tf.pipeline.stages.weight_rules import ClassRule
from sjft_tf.run_sets import Sets
from sjft_tf.selection import ClassWeights, class_weights
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def fit_stamp(_: RunConfig) -> artifacts.Stamp:
    """How a source head is fitted, for what depends on it."""
    head = [softmax_head.STRENGTHS, softmax_head.STEPS, softmax_head.TOLERANCE, softmax_head.HELD_OUT, MOST_IMAGES]
    return {"head": artifacts.fingerprint("l-bfgs", 1, head)}


def _made(config: RunConfig, sets: Sets, workdir: Workdir) -> ClassWeights:
    source = sets.source_images()
    seen = starting_features_of(config, sets.target, source, workdir)
    scaling = Scaling.of(seen.source, np.arange(len(seen.rows)))
    head = fit_softmax_head(seen.source, source.labels[seen.rows], source.num_classes, scaling)
    log.info("source head: %s", head.summary())
    return class_weights(head.mean_probability(seen.target), source.labels)


CLASS_IMPORTANCE = ClassRule("class_importance", "class importance", _made, fit_stamp)
