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

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import Augmentation, ImageSet
from sjft_tf.images.augment import Change, ColorJitter, Cutout, RandAugment, RandomAffine
from sjft_tf.images.joint import joint_dataset
from sjft_tf.images.order import MakeUp
from sjft_tf.images.positions import WHOLE, Shard
from sjft_tf.images.watching import refuse_changed
from sjft_tf.models import Scorer
from sjft_tf.selection import Selector, smallest_k
from sjft_tf.training.callbacks import HardSampleMining, StepProgress, StopOnNonFiniteLoss
from sjft_tf.training.checkpointing import StepCheckpoints
from sjft_tf.training.checkpoints import Resumed
from sjft_tf.training.compiling import compile_joint, largest_divisor, run_in_steps_of, wanted_execution
from sjft_tf.training.distribution import ALONE, Arrays, Cluster, JoinReplicas
from sjft_tf.training.finishing import FinishWeights, micro_batches
from sjft_tf.training.keeping import Keeping
from sjft_tf.training.record import round_record
from sjft_tf.training.state import RoundState, finished_rounds, load_round, run_variables, save_round

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSets:
    """What the loop trains on.

    Attributes:
        target: target training images.
        source: images to borrow from, None for plain fine-tuning.
        neighbors: int32 [N_t, K_max] ranked source rows; None where the selector needs none.
        pool: int32 [M] source rows, with repeats, of which all target images borrow alike; for class_importance.
    """

    target: ImageSet
    source: ImageSet | None = None
    neighbors: np.ndarray | None = None
    pool: np.ndarray | None = None


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
    keeping: Keeping | None = None,
    cluster: Cluster = ALONE,
) -> list[int]:
    """Trains the rounds that are not finished yet, each continuing from the one before.

    A run that was broken off goes on from its newest state, the last finished round or a later checkpoint, and ends
    as it would have ended.

    Args:
        config: all settings.
        model: the joint model; its weights are changed in place.
        scorer: its compiled forward pass.
        sets: images and neighbor lists.
        folder: where the rounds are written, one sub-folder each.
        made_from: what the run was made from; a finished round made from something else is refused.
        callbacks: further Keras callbacks for round `index`.
        after_round: called once for each newly finished round, and for the last finished one when resuming.
        keeping: what is kept within a round; by default nothing but the rounds.
        cluster: the devices; `model` was made in its `building`. Only the chief reads and writes `folder`.

    Returns:
        The numbers of the finished rounds.

    Raises:
        ArtifactMismatch: `folder` holds rounds of other settings.
        InputError: the loss became NaN or infinite, a state is damaged, the disk is full, or a setting does not fit
            the data; says which state is kept and how to go on.
        Stopped: on request.
    """
    training = config.training
    keeping = keeping or Keeping(folder)
    selector = make_selector(config, sets)
    with cluster.scope():
        compile_joint(model, config)

    def begin() -> Arrays:
        done = finished_rounds(folder)
        if done != list(range(len(done))) or len(done) > training.rounds:
            raise InputError(
                f"{folder} holds rounds {done}; expected the first of {training.rounds}. Use a new --workdir."
            )
        if done:
            state = load_round(folder, done[-1], model, made_from)
            k0, counts, hard = state.k0, state.counts, state.hard
            log.info("continuing after round %d, step %d", state.index + 1, state.global_step)
            after_round(state, model, None)
        else:
            (k0, counts), hard = first_counts(config, selector, len(sets.target)), None
        known = {} if hard is None else {"hard": hard}
        return {"done": np.array(len(done)), "k0": np.array(k0), "counts": counts, **known}

    begun = cluster.once(begin)
    done, k0, counts, hard = int(begun["done"]), int(begun["k0"]), begun["counts"], begun.get("hard")
    if done:
        cluster.share(run_variables(model))
    if done == training.rounds:
        return list(range(done))

    mining = HardSampleMining(
        sets.target,
        selector,
        scorer,
        k0,
        counts,
        hard,
        delta=config.selection.delta,
        wrong_growth=config.selection.wrong_growth,
        uncertain_growth=config.selection.uncertain_growth,
        once=cluster.once,
    )
    for index in range(done, training.rounds):
        with keeping.guarded():
            first, end = index * training.steps_per_round, (index + 1) * training.steps_per_round
            store = keeping.checkpoints
            resumed = store.resume(first, end, model, keeping.origin(index)) if store is not None else None
            if resumed is not None:
                log.info("continuing in round %d after step %d", index + 1, resumed.step)
            keeping.mark(index, resumed.step if resumed is not None else first)
            state = _one_round(index, config, model, sets, mining, callbacks(index), keeping, resumed, cluster)
            if cluster.is_chief:
                refuse_changed(sets.target, sets.source)
                keeping.round_written(index, save_round(folder, state, model, made_from))
                after_round(state, model, mining)
    return list(range(training.rounds))


def _one_round(
    index: int,
    config: RunConfig,
    model: keras.Model,
    sets: TrainingSets,
    mining: HardSampleMining,
    extra: Sequence[keras.callbacks.Callback],
    keeping: Keeping,
    resumed: Resumed | None,
    cluster: Cluster,
) -> RoundState:
    training, borrowing, counts = config.training, mining.borrowing, mining.counts
    steps = training.steps_per_round
    begin, end = index * steps, (index + 1) * steps
    first = resumed.step if resumed is not None else begin

    def stream(start: int, count: int, shard: Shard = WHOLE) -> tf.data.Dataset:
        return joint_dataset(
            sets.target,
            sets.source if borrowing else None,
            borrowing.pools if borrowing else None,
            borrowing.source_labels if borrowing else None,
            augmentation(config),
            batch_size=training.batch_size,
            first_step=start,
            steps=count,
            seed=training.seed,
            shard=shard,
            accumulate=training.accumulate,
            make_up=MakeUp(begin, mining.hard, config.selection.hard_repeats, training.max_per_class),
        )

    guard = StopOnNonFiniteLoss(first, keeping.last_state)
    keeper = (
        []
        if keeping.checkpoints is None
        else [
            StepCheckpoints(
                *(keeping, index, first, end, guard, resumed), check=lambda: refuse_changed(sets.target, sets.source)
            )
        ]
    )
    again = min(steps, -(-training.recompute_batch_norm // training.accumulate))
    finish = FinishWeights((lambda: micro_batches(stream(begin, again), training.accumulate)) if again else None)
    label, done = f"Round {index + 1}/{training.rounds}", first - begin
    begun = time.perf_counter() - (resumed.seconds if resumed is not None else 0.0)
    with cluster.scope():
        run_in_steps_of(model, largest_divisor(end - first, wanted_execution(config)))
    history = model.fit(
        cluster.distribute(lambda shard: stream(first, end - first, shard)),
        epochs=1,
        steps_per_epoch=end - first,
        verbose=0,
        shuffle=False,
        callbacks=[
            *(guard, *extra, *keeper, *([StepProgress(steps, label, done)] if cluster.is_chief else [])),
            *(JoinReplicas(cluster), finish, mining),
        ],
    ).history
    metrics: dict[str, Any] = {name: float(values[-1]) for name, values in history.items()}
    metrics |= {"borrowed": borrowing.summary()} if borrowing else {}
    metrics |= {"scoring": mining.found, "seconds": time.perf_counter() - begun}
    record = round_record(sets.target.labels, mining, counts, borrowing)
    return RoundState(index, end, mining.k0, mining.counts, metrics, mining.hard, record)


def augmentation(config: RunConfig) -> Augmentation:
    """What is done to every training image; what is off is not there at all."""
    view, more = config.view, config.augmentation
    changes: list[Change] = []
    if more.rotation or more.shear or more.translation:
        changes.append(RandomAffine(more.rotation, more.shear, more.translation))
    if more.randaugment:
        changes.append(RandAugment(more.randaugment, more.randaugment_magnitude))
    jitter = (more.jitter_brightness, more.jitter_contrast, more.jitter_saturation, more.jitter_hue)
    if any(jitter):
        changes.append(ColorJitter(*jitter))
    if more.cutout:
        changes.append(Cutout(more.cutout))
    return Augmentation(
        resize=(view.resize, view.resize_max or view.resize),
        pad=view.pad,
        crop=view.image_size,
        mirror=view.mirror,
        changes=tuple(changes),
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
        pool=sets.pool,
    )


def first_counts(config: RunConfig, selector: Selector | None, num_target: int) -> tuple[int, np.ndarray]:
    """K0 and the K of each target image in the first round."""
    if selector is None:
        return 0, np.zeros(num_target, np.int32)
    if selector.neighbors is None:
        k0 = selector.k_max
    elif (fixed := config.selection.fixed_k0()) is not None:
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
