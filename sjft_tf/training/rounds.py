"""The loop of fits (paper section 3): train, score the target, give hard images more neighbors, train on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError
from sjft_tf.images import Augmentation, ImageSet
from sjft_tf.images.joint import joint_dataset
from sjft_tf.models import Scorer
from sjft_tf.selection import Selector, smallest_k
from sjft_tf.training.callbacks import HardSampleMining, StepProgress, StopOnNonFiniteLoss
from sjft_tf.training.compiling import compile_joint
from sjft_tf.training.config import RunConfig
from sjft_tf.training.finishing import FinishWeights, micro_batches
from sjft_tf.training.state import RoundState, finished_rounds, load_round, save_round

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSets:
    """What the loop trains on.

    Attributes:
        target: target training images.
        source: images to borrow from, None for plain fine-tuning.
        neighbors: int32 [N_t, K_max] ranked source rows; None where the selector needs none.
    """

    target: ImageSet
    source: ImageSet | None = None
    neighbors: np.ndarray | None = None


RoundHook = Callable[[RoundState, keras.Model, HardSampleMining | None], None]
"""Called after a round was written: its state, the model, and the callback that scored it (None when resumed)."""


def train_rounds(
    config: RunConfig,
    model: keras.Model,
    scorer: Scorer,
    sets: TrainingSets,
    folder: Path,
    made_from: dict[str, Any],
    *,
    callbacks: Callable[[int], Sequence[keras.callbacks.Callback]] = lambda _: (),
    after_round: RoundHook = lambda *_: None,
) -> list[int]:
    """Trains the rounds that are not finished yet, each continuing from the one before.

    Args:
        config: all settings.
        model: the joint model; its weights are changed in place.
        scorer: its compiled forward pass.
        sets: images and neighbor lists.
        folder: where the rounds are written, one sub-folder each.
        made_from: what the run was made from; a finished round made from something else is refused.
        callbacks: further Keras callbacks for round `index`.
        after_round: called once for each newly finished round, and for the last finished one when resuming.

    Returns:
        The numbers of the finished rounds.

    Raises:
        ArtifactMismatch: `folder` holds rounds of other settings.
        InputError: the loss became NaN or infinite, or a setting does not fit the data.
    """
    training = config.training
    selector = make_selector(config, sets)
    compile_joint(model, config)

    done = finished_rounds(folder)
    if done != list(range(len(done))) or len(done) > training.rounds:
        raise InputError(f"{folder} holds rounds {done}; expected the first of {training.rounds}. Use a new --workdir.")
    if done:
        state = load_round(folder, done[-1], model, made_from)
        k0, counts = state.k0, state.counts
        log.info("continuing after round %d, step %d", state.index + 1, state.global_step)
        after_round(state, model, None)
    else:
        k0, counts = first_counts(config, selector, len(sets.target))
    if len(done) == training.rounds:
        return done

    mining = HardSampleMining(
        sets.target,
        selector,
        scorer,
        k0,
        counts,
        delta=config.selection.delta,
        wrong_growth=config.selection.wrong_growth,
        uncertain_growth=config.selection.uncertain_growth,
    )
    for index in range(len(done), training.rounds):
        state = _one_round(index, config, model, sets, mining, callbacks(index))
        save_round(folder, state, model, made_from)
        after_round(state, model, mining)
    return finished_rounds(folder)


def _one_round(
    index: int,
    config: RunConfig,
    model: keras.Model,
    sets: TrainingSets,
    mining: HardSampleMining,
    extra: Sequence[keras.callbacks.Callback],
) -> RoundState:
    training, borrowing = config.training, mining.borrowing
    steps = training.steps_per_round
    first = index * steps

    def stream(count: int) -> tf.data.Dataset:
        return joint_dataset(
            sets.target,
            sets.source if borrowing else None,
            borrowing.pools if borrowing else None,
            borrowing.source_labels if borrowing else None,
            augmentation(config),
            batch_size=training.batch_size,
            first_step=first,
            steps=count,
            seed=training.seed,
            accumulate=training.accumulate,
        )

    again = min(steps, -(-training.recompute_batch_norm // training.accumulate))
    finish = FinishWeights((lambda: micro_batches(stream(again), training.accumulate)) if again else None)
    label = f"Round {index + 1}/{training.rounds}"
    begun = time.perf_counter()
    history = model.fit(
        stream(steps),
        epochs=1,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,
        callbacks=[StopOnNonFiniteLoss(), *extra, StepProgress(steps, label), finish, mining],
    ).history
    metrics: dict[str, Any] = {name: float(values[-1]) for name, values in history.items()}
    metrics |= {"borrowed": borrowing.summary()} if borrowing else {}
    metrics |= {"scoring": mining.found, "seconds": time.perf_counter() - begun}
    return RoundState(index, (index + 1) * steps, mining.k0, mining.counts, metrics)


def augmentation(config: RunConfig) -> Augmentation:
    """What is done to every training image."""
    view = config.view
    return Augmentation(
        resize=(view.resize, view.resize_max or view.resize), pad=view.pad, crop=view.image_size, mirror=view.mirror
    )


def make_selector(config: RunConfig, sets: TrainingSets) -> Selector | None:
    """The configured selector; None for plain fine-tuning."""
    if config.selection.selector == "none" or sets.source is None:
        return None
    return Selector(
        config.selection.selector,
        sets.neighbors,
        len(sets.target),
        sets.source.labels,
        sets.source.num_classes,
        config.selection.least_sample_per_class,
        config.training.seed,
    )


def first_counts(config: RunConfig, selector: Selector | None, num_target: int) -> tuple[int, np.ndarray]:
    """K0 and the K of each target image in the first round."""
    if selector is None:
        return 0, np.zeros(num_target, np.int32)
    if selector.neighbors is None:
        k0 = selector.k_max
    elif (fixed := config.fixed_k0()) is not None:
        k0 = fixed
        if k0 > selector.k_max:
            raise InputError(f"--k0={k0} is more than the {selector.k_max} neighbors in the table")
    else:
        k0, size = smallest_k(selector.neighbors, selector.num_source, config.selection.source_share)
        share = size / selector.num_source
        log.info("k0=auto: K0 = %d borrows %d source images (%.1f %%)", k0, size, 100 * share)
        if share < config.selection.source_share:
            log.warning(
                "k0=auto: whole lists of %d neighbors reach only %.1f %% of the source; raise --max_neighbors or "
                "lower --source_share to leave hard images room to grow",
                k0,
                100 * share,
            )
    return k0, np.full(num_target, k0, np.int32)
