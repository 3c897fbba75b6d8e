"""What the selectors that weigh the source borrow: one pool for all target images, by weights found or made."""

from __future__ import annotations

from typing import Any

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.pipeline.stages.gradients import GRADIENTS
from sjft_tf.pipeline.stages.importance import CLASS_IMPORTANCE
from sjft_tf.pipeline.stages.transport import CLASS_TRANSPORT
from sjft_tf.pipeline.stages.weight_rules import WeightRule
from sjft_tf.run_sets import Sets
from sjft_tf.selection import pool_size
from sjft_tf.workdir import Workdir

_RULES: dict[str, WeightRule[Any]] = {rule.selector: rule for rule in (CLASS_IMPORTANCE, CLASS_TRANSPORT, GRADIENTS)}


def source_pool(config: RunConfig, sets: Sets, workdir: Workdir) -> np.ndarray:
    """The pool of the selector: by its weights, which lie in the workdir or are made; the list of them is written.

    Returns:
        int32 [M], source rows with repeats.

    Raises:
        ArtifactMismatch: there are weights, but of other images, trunk, starting weights or view.
        InputError: there is no source, no such trunk or starting weights.
    """
    return _weights_and_pool(config, sets, workdir)[1]


def check_weights(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Raises ArtifactMismatch if the workdir has weights of this selector, but of something else."""
    _RULES[config.selection.selector].check(config, sets, workdir)


def weight_lines(config: RunConfig, sets: Sets, workdir: Workdir) -> list[str]:
    """What scripts/retrieve.py shows in place of a table: the largest weights, and how much is borrowed."""
    rule, source = _RULES[config.selection.selector], sets.source_images()
    weights, pool = _weights_and_pool(config, sets, workdir)
    images = len(np.unique(pool))
    return [
        *rule.lines(weights, source, pool),
        f"  borrows {images} of {len(source)} source images ({images / len(source):.1%}) in {len(pool)} places",
        f"  list: {workdir.source_weights_csv(rule.selector)}",
    ]


def _weights_and_pool(config: RunConfig, sets: Sets, workdir: Workdir) -> tuple[Any, np.ndarray]:
    rule, source = _RULES[config.selection.selector], sets.source_images()
    weights = rule.weights(config, sets, workdir)
    pool = rule.pool(weights, source, pool_size(config.selection, config.training, len(source)), config.training.seed)
    rule.write_csv(weights, sets, pool, workdir.source_weights_csv(rule.selector))
    return weights, pool
