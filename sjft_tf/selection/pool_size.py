"""How many source images a run begins to borrow from: so many that it passes over them a wanted number of times.

A training sees as many source images as it draws, whatever they are drawn from. From a small pool each comes often and
is learned by heart; from a large one the last ones are little like the target. The paper draws 1.6 M images from at
least 200,000, at most 8 passes, and from all of ImageNet, 1.25 passes.
"""

from __future__ import annotations

import math

from sjft_tf.config import SelectionConfig, TrainingConfig


def pool_by_passes(draws: int, passes: float, num_source: int) -> int:
    """Source images over which `draws` draws pass `passes` times: draws / passes rounded up, from 1 to all."""
    return max(1, min(num_source, math.ceil(draws / passes - 1e-9)))


def pool_size(settings: SelectionConfig, training: TrainingConfig, num_source: int) -> int:
    """How many source images the pool wants to have at the beginning, for every selector that needs a number.

    Args:
        settings: with --k0=auto the pool is one that the whole run passes over --passes times; with --k0=share, or a K0
            that is a number and says nothing of a pool, it is --source_share of the source, rounded up.
        training: how long the run is.
        num_source: N_s, at least 1.

    Returns:
        Between 1 and N_s.

    Example:
        >>> training = TrainingConfig(rounds=2, steps_per_round=100, batch_size=10)
        >>> pool_size(SelectionConfig(k0="auto", passes=2.0), training, 40_000)
        1000
        >>> pool_size(SelectionConfig(k0="share", source_share=0.15), training, 40_000)
        6000
    """
    if settings.k0 == "auto":
        return pool_by_passes(training.total_draws, settings.passes, num_source)
    return max(1, math.ceil(settings.source_share * num_source - 1e-9))
