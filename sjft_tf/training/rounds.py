"""The loop of fits (paper section 3): train, score the target, give hard images more neighbors, train on."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.config import TrainingConfig
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
from sjft_tf.training.callbacks import HardSampleMining, MiningState, StepProgress, StopOnNonFiniteLoss
from sjft_tf.training.checkpoints.callback import StepCheckpoints
from sjft_tf.training.checkpoints.policy import CheckpointPolicy
from sjft_tf.training.checkpoints.rounds import (
    BorrowingMetrics,
    RoundMetrics,
    RoundState,
    finished_rounds,
    load_round,
    run_variables,
    save_round,
)
from sjft_tf.training.checkpoints.steps import Resumed
from sjft_tf.training.compiling import compile_joint, largest_divisor, run_in_steps_of, wanted_execution
from sjft_tf.training.distribution import ALONE, Arrays, Cluster, JoinReplicas
from sjft_tf.training.finishing import FinishWeights, micro_batches
from sjft_tf.training.preparing import (
    TrainingSets,
    augmentation,
    class_weights,
    first_counts,
    make_selector,
    mixing,
)
from sjft_tf.training.record import round_record
from sjft_tf.training.scoring import TargetScores
from sjft_tf.training.settings import RoundSettings

log = logging.getLogger(__name__)

AfterRound = Callable[[RoundState, keras.Model, TargetScores | None], None]
"""Called after a round was written: its state, the model, how the target was scored at its end (None when resumed)."""

Stream = Callable[..., tf.data.Dataset]
"""Of the first step, how many, and the shard: the batches of these steps."""


@dataclass(frozen=True)
class RoundHooks:
    """What else is done around the rounds.

    Attributes:
        callbacks: further Keras callbacks for round `index`.
        after_round: called once for each newly finished round, and for the last finished one when resuming.
        over: with --early_stopping, asked after every finished round: whether it was the last.
    """

    callbacks: Callable[[int], Sequence[keras.callbacks.Callback]] = lambda _: ()
    after_round: AfterRound = lambda *_: None
    over: Callable[[], bool] = lambda: False


NO_HOOKS = RoundHooks()
"""Nothing."""


def train_rounds(
    settings: RoundSettings,
    model: keras.Model,
    scorer: Scorer | None,
    sets: TrainingSets,
    policy: CheckpointPolicy,
    hooks: RoundHooks = NO_HOOKS,
    cluster: Cluster = ALONE,
) -> list[int]:
    """Trains the rounds that are not finished yet, each continuing from the one before.

    A run that was broken off goes on from its newest state, the last finished round or a later checkpoint, and ends
    as it would have ended.

    Args:
        settings: of training, selection, network and images.
        model: the joint model; its weights are changed in place.
        scorer: its compiled forward pass; None: the target is not scored after a round.
        sets: images and neighbor lists.
        policy: where the rounds are written, and what is kept within one. Only the chief reads and writes there.
        hooks: further callbacks, and what is done after a round.
        cluster: the devices; `model` was made in its `building`.

    Returns:
        The numbers of the finished rounds: all, or with --early_stopping those until `hooks.over` said so.

    Raises:
        ArtifactMismatch: the folder holds rounds of other settings.
        InputError: the loss became NaN or infinite, a state is damaged, the disk is full, or a setting does not fit
            the data; says which state is kept and how to go on.
        Stopped: on request.
    """
    training, selection = settings.training, settings.selection
    selector = make_selector(selection, sets, training.seed)
    weights = class_weights(training, sets.target)
    with cluster.scope():
        compile_joint(model, training, settings.model, sets.co_tuning, selector is not None, weights)
    done, start = _begin(settings, model, selector, sets, policy, hooks, cluster)
    if done == training.rounds or (done and _over(training, hooks, cluster)):
        return list(range(done))
    mining = HardSampleMining(sets.target, selector, scorer, start, selection, cluster.once)
    loop = _Loop(settings, model, sets, mining, policy, cluster)
    for index in range(done, training.rounds):
        with policy.round(index, training.steps_per_round, model) as resumed:
            # The fit ends with `HardSampleMining`: the target is scored, K grows where it is hard, more is borrowed.
            state = loop.fit(index, hooks.callbacks(index), resumed)
            if cluster.is_chief:
                refuse_changed(sets.target, sets.source)
                policy.round_written(index, save_round(policy.rounds, state, model, policy.made_from))
                hooks.after_round(state, model, mining.scores)
        if _over(training, hooks, cluster):
            return list(range(index + 1))
    return list(range(training.rounds))


def _over(training: TrainingConfig, hooks: RoundHooks, cluster: Cluster) -> bool:
    """Whether the run ends early; the chief, who has the figures, decides for all processes."""
    return bool(training.early_stopping) and bool(cluster.once(lambda: {"over": np.array(hooks.over())})["over"])


def _begin(
    settings: RoundSettings,
    model: keras.Model,
    selector: Selector | None,
    sets: TrainingSets,
    policy: CheckpointPolicy,
    hooks: RoundHooks,
    cluster: Cluster,
) -> tuple[int, MiningState]:
    """How many rounds are finished, and what the next one begins with; loads the last one's weights into `model`."""

    def load() -> Arrays:
        done = _finished(policy.rounds, settings.training.rounds)
        if not done:
            k0, counts = first_counts(settings.selection, settings.training, selector, len(sets.target))
            return {"done": np.array(0), **MiningState(k0, counts).to_arrays()}
        state = load_round(policy.rounds, done - 1, model, policy.made_from)
        log.info("continuing after round %d, step %d", state.index + 1, state.global_step)
        hooks.after_round(state, model, None)
        return {"done": np.array(done), **MiningState(state.k0, state.counts, state.hard).to_arrays()}

    arrays = cluster.once(load)
    done = int(arrays["done"])
    if done:
        cluster.share(run_variables(model))
    return done, MiningState.from_arrays(arrays)


def _finished(folder: Path, rounds: int) -> int:
    """How many rounds are finished: the first ones, and of `rounds` at most."""
    done = finished_rounds(folder)
    if done != list(range(len(done))) or len(done) > rounds:
        raise InputError(f"{folder} holds rounds {done}; expected the first of {rounds}. Use a new --workdir.")
    return len(done)


@dataclass
class _Loop:
    """What one fit after the other works with; arguments as for `train_rounds`."""

    settings: RoundSettings
    model: keras.Model
    sets: TrainingSets
    mining: HardSampleMining
    policy: CheckpointPolicy
    cluster: Cluster

    def fit(self, index: int, extra: Sequence[keras.callbacks.Callback], resumed: Resumed | None) -> RoundState:
        """Trains the steps of a round that are not done yet; at its end the target is scored and more is borrowed."""
        training, borrowing, counts = self.settings.training, self.mining.borrowing, self.mining.counts
        steps = training.steps_per_round
        end = (index + 1) * steps
        first = end - steps if resumed is None else resumed.step
        begun = time.perf_counter() - (0.0 if resumed is None else resumed.seconds)
        with self.cluster.scope():
            run_in_steps_of(self.model, largest_divisor(end - first, wanted_execution(training.steps_per_execution)))
        stream = self._stream(index)
        history = self.model.fit(
            self.cluster.distribute(lambda shard: stream(first, end - first, shard)),
            epochs=1,
            steps_per_epoch=end - first,
            verbose=0,
            shuffle=False,
            callbacks=self._callbacks(index, first, extra, resumed, stream),
        ).history
        scores = None if self.mining.scorer is None else self.mining.last_scores()
        metrics = cast(RoundMetrics, {name: float(values[-1]) for name, values in history.items()})
        if borrowing:
            metrics["borrowed"] = cast(BorrowingMetrics, borrowing.summary())
        metrics["seconds"] = time.perf_counter() - begun
        record = None
        if scores is not None:
            metrics["scoring"] = scores.summary()
            record = round_record(self.sets.target.labels, scores, counts, borrowing)
        return RoundState(index, end, self.mining.k0, self.mining.counts, metrics, self.mining.hard, record)

    def _stream(self, index: int) -> Stream:
        """The batches of a round, from any of its steps on; what is borrowed is what was chosen before it."""
        settings, training, borrowing = self.settings, self.settings.training, self.mining.borrowing
        repeats, begin = settings.selection.hard_repeats, index * training.steps_per_round
        balanced = training.sampling == "balanced"
        composition = BatchComposition(begin, self.mining.hard, repeats, training.max_per_class, balanced)

        source = None
        if borrowing is not None and self.sets.source is not None:
            source = SourceStream(self.sets.source, borrowing.pools, borrowing.source_labels)

        def stream(start: int, count: int, shard: BatchShard = WHOLE_BATCH) -> tf.data.Dataset:
            plan = BatchPlan(training.batch_size, start, count, shard, training.accumulate)
            changes = augmentation(settings.view, settings.augmentation)
            return joint_dataset(
                *(self.sets.target, source, changes, plan),
                seed=training.seed,
                composition=composition,
                mixing=mixing(settings.augmentation),
            )

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
        training, sets = self.settings.training, self.sets
        steps = training.steps_per_round
        begin, end = index * steps, (index + 1) * steps
        guard = StopOnNonFiniteLoss(first, self.policy.last_state)
        acting: list[keras.callbacks.Callback] = [guard, *extra]
        if self.policy.checkpoints is not None:
            check = functools.partial(refuse_changed, sets.target, sets.source)
            acting.append(StepCheckpoints(self.policy, index, first, end, guard, resumed, check=check))
        if self.cluster.is_chief:
            acting.append(StepProgress(steps, f"Round {index + 1}/{training.rounds}", first - begin))
        again = min(steps, -(-training.recompute_batch_norm // training.accumulate))
        batches = (lambda: micro_batches(stream(begin, again), training.accumulate)) if again else None
        return [*acting, JoinReplicas(self.cluster), FinishWeights(batches), self.mining]
