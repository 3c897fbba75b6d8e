"""The loop of fits (paper section 3): train, score the target, give hard images more neighbors, train on."""

from __future__ import annotations

import functools
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
from sjft_tf.images import (
    WHOLE_BATCH,
    BatchComposition,
    BatchPlan,
    BatchShard,
    SourceStream,
    joint_dataset,
    refuse_changed,
)
from sjft_tf.models import Scorer
from sjft_tf.selection import Selector
from sjft_tf.training.callbacks import HardSampleMining, StepProgress, StopOnNonFiniteLoss
from sjft_tf.training.checkpoints.callback import StepCheckpoints
from sjft_tf.training.checkpoints.policy import CheckpointPolicy
from sjft_tf.training.checkpoints.rounds import RoundState, finished_rounds, load_round, run_variables, save_round
from sjft_tf.training.checkpoints.steps import Resumed
from sjft_tf.training.compiling import compile_joint, largest_divisor, run_in_steps_of, wanted_execution
from sjft_tf.training.distribution import ALONE, Arrays, Cluster, JoinReplicas
from sjft_tf.training.finishing import FinishWeights, micro_batches
from sjft_tf.training.preparing import TrainingSets, augmentation, first_counts, make_selector
from sjft_tf.training.record import round_record
from sjft_tf.training.scoring import TargetScores

log = logging.getLogger(__name__)

RoundHook = Callable[[RoundState, keras.Model, TargetScores | None], None]
"""Called after a round was written: its state, the model, how the target was scored at its end (None when resumed)."""

Stream = Callable[..., tf.data.Dataset]
"""Of the first step, how many, and the shard: the batches of these steps."""


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
    policy: CheckpointPolicy | None = None,
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
        policy: what is kept within a round; by default nothing but the rounds.
        cluster: the devices; `model` was made in its `building`. Only the chief reads and writes `folder`.

    Returns:
        The numbers of the finished rounds.

    Raises:
        ArtifactMismatch: `folder` holds rounds of other settings.
        InputError: the loss became NaN or infinite, a state is damaged, the disk is full, or a setting does not fit
            the data; says which state is kept and how to go on.
        Stopped: on request.
    """
    policy = policy or CheckpointPolicy(folder)
    selector = make_selector(config, sets)
    with cluster.scope():
        compile_joint(model, config)
    start = cluster.once(lambda: _begin(config, selector, len(sets.target), folder, model, made_from, after_round))
    done, rounds = int(start["done"]), config.training.rounds
    if done:
        cluster.share(run_variables(model))
    if done == rounds:
        return list(range(rounds))
    mining = HardSampleMining(
        sets.target,
        selector,
        scorer,
        int(start["k0"]),
        start["counts"],
        start.get("hard"),
        delta=config.selection.delta,
        wrong_growth=config.selection.wrong_growth,
        uncertain_growth=config.selection.uncertain_growth,
        once=cluster.once,
    )
    loop = _Loop(config, model, sets, mining, policy, cluster)
    for index in range(done, rounds):
        with policy.round(index, config.training.steps_per_round, model) as resumed:
            state = loop.fit(index, callbacks(index), resumed)  # and score, let K grow, borrow: `HardSampleMining`
            if cluster.is_chief:
                refuse_changed(sets.target, sets.source)
                policy.round_written(index, save_round(folder, state, model, made_from))
                after_round(state, model, mining.scores)
    return list(range(rounds))


def _begin(
    config: RunConfig,
    selector: Selector | None,
    targets: int,
    folder: Path,
    model: keras.Model,
    made_from: dict[str, Any],
    after_round: RoundHook,
) -> Arrays:
    """Loads the last finished round: how many are `done`, `k0`, `counts`, and `hard` if there was a scoring."""
    done = finished_rounds(folder)
    if done != list(range(len(done))) or len(done) > config.training.rounds:
        raise InputError(
            f"{folder} holds rounds {done}; expected the first of {config.training.rounds}. Use a new --workdir."
        )
    if not done:
        k0, counts = first_counts(config, selector, targets)
        return {"done": np.array(0), "k0": np.array(k0), "counts": counts}
    state = load_round(folder, done[-1], model, made_from)
    log.info("continuing after round %d, step %d", state.index + 1, state.global_step)
    after_round(state, model, None)
    known = {} if state.hard is None else {"hard": state.hard}
    return {"done": np.array(len(done)), "k0": np.array(state.k0), "counts": state.counts, **known}


@dataclass
class _Loop:
    """What one fit after the other works with; arguments as for `train_rounds`."""

    config: RunConfig
    model: keras.Model
    sets: TrainingSets
    mining: HardSampleMining
    policy: CheckpointPolicy
    cluster: Cluster

    def fit(self, index: int, extra: Sequence[keras.callbacks.Callback], resumed: Resumed | None) -> RoundState:
        """Trains the steps of a round that are not done yet; at its end the target is scored and more is borrowed."""
        steps, borrowing, counts = self.config.training.steps_per_round, self.mining.borrowing, self.mining.counts
        end = (index + 1) * steps
        first = end - steps if resumed is None else resumed.step
        begun = time.perf_counter() - (0.0 if resumed is None else resumed.seconds)
        with self.cluster.scope():
            run_in_steps_of(self.model, largest_divisor(end - first, wanted_execution(self.config)))
        stream = self._stream(index)
        history = self.model.fit(
            self.cluster.distribute(lambda shard: stream(first, end - first, shard)),
            epochs=1,
            steps_per_epoch=end - first,
            verbose=0,
            shuffle=False,
            callbacks=self._callbacks(index, first, extra, resumed, stream),
        ).history
        scores = self.mining.scores
        assert scores is not None
        metrics: dict[str, Any] = {name: float(values[-1]) for name, values in history.items()}
        metrics |= {"borrowed": borrowing.summary()} if borrowing else {}
        metrics |= {"scoring": scores.summary(), "seconds": time.perf_counter() - begun}
        record = round_record(self.sets.target.labels, scores, counts, borrowing)
        return RoundState(index, end, self.mining.k0, self.mining.counts, metrics, self.mining.hard, record)

    def _stream(self, index: int) -> Stream:
        """The batches of a round, from any of its steps on; what is borrowed is what was chosen before it."""
        training, borrowing = self.config.training, self.mining.borrowing
        repeats, begin = self.config.selection.hard_repeats, index * training.steps_per_round
        composition = BatchComposition(begin, self.mining.hard, repeats, training.max_per_class)

        source = None
        if borrowing is not None and self.sets.source is not None:
            source = SourceStream(self.sets.source, borrowing.pools, borrowing.source_labels)

        def stream(start: int, count: int, shard: BatchShard = WHOLE_BATCH) -> tf.data.Dataset:
            plan = BatchPlan(training.batch_size, start, count, shard, training.accumulate)
            changes = augmentation(self.config)
            return joint_dataset(self.sets.target, source, changes, plan, seed=training.seed, composition=composition)

        return stream

    def _callbacks(
        self,
        index: int,
        first: int,
        extra: Sequence[keras.callbacks.Callback],
        resumed: Resumed | None,
        stream: Stream,
    ) -> list[keras.callbacks.Callback]:
        """In the order in which they have to act: those that judge, those that write, those that end the round."""
        training, sets = self.config.training, self.sets
        steps = training.steps_per_round
        begin, end = index * steps, (index + 1) * steps
        guard = StopOnNonFiniteLoss(first, self.policy.last_state)
        found: list[keras.callbacks.Callback] = [guard, *extra]
        if self.policy.checkpoints is not None:
            check = functools.partial(refuse_changed, sets.target, sets.source)
            found.append(StepCheckpoints(self.policy, index, first, end, guard, resumed, check=check))
        if self.cluster.is_chief:
            found.append(StepProgress(steps, f"Round {index + 1}/{training.rounds}", first - begin))
        again = min(steps, -(-training.recompute_batch_norm // training.accumulate))
        batches = (lambda: micro_batches(stream(begin, again), training.accumulate)) if again else None
        return [*found, JoinReplicas(self.cluster), FinishWeights(batches), self.mining]
