"""The training stage: the model, what its rounds depend on, and the loop with its reports."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras

from sjft_tf import artifacts
from sjft_tf.catalog import is_saved
from sjft_tf.config import RunConfig, TrainingConfig
from sjft_tf.images import ImageSet, check_max_per_class
from sjft_tf.models import (
    MultiViewScorer,
    Scorer,
    make_scorer,
)
from sjft_tf.pipeline.inputs import evaluation_views, network_view, views_stamp
from sjft_tf.pipeline.networks import as_kept, build_model, network_origin
from sjft_tf.pipeline.stages.adapting import adapt_trunk
from sjft_tf.pipeline.stages.board import Board
from sjft_tf.pipeline.stages.co_tuning import co_tuning_of
from sjft_tf.pipeline.stages.heads import start_heads
from sjft_tf.pipeline.stages.results import (
    counting_round,
    evaluate_round,
    evaluated,
    validation_score,
    validation_scores,
)
from sjft_tf.pipeline.stages.retrieving import retrieved
from sjft_tf.pipeline.stages.starting import keep_start
from sjft_tf.run_sets import Sets
from sjft_tf.training import (
    ALONE,
    CheckpointPolicy,
    Checkpoints,
    Cluster,
    RoundHooks,
    RoundSettings,
    RoundState,
    StopRequest,
    TargetScores,
    TrainingSets,
    augmentation,
    finished_rounds,
    is_intact,
    load_round_weights,
    prune_rounds,
    runs_out,
    train_rounds,
)
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

UNEVEN = 10
"""Times the images of the smallest class from which on the largest is worth a word."""


def training_made_from(config: RunConfig, sets: TrainingSets, replicas: int = 1) -> artifacts.Stamp:
    """What the trained rounds depend on: settings, images, neighbors or pool, starting weights, devices if several."""
    more: dict[str, Any] = {"devices": replicas} if replicas > 1 else {}
    more |= {"pool": artifacts.fingerprint(sets.pool)} if sets.pool is not None else {}
    return (
        config.stamp("view", "augmentation", "selection", "model", "training")
        | more
        | {
            "target images": sets.target.fingerprint,
            "source images": sets.source.fingerprint if sets.source is not None else None,
            "neighbors": artifacts.fingerprint(sets.neighbors) if sets.neighbors is not None else None,
        }
        | network_origin(config.model)
    )


def train(
    config: RunConfig,
    sets: Sets,
    workdir: Workdir,
    stop: StopRequest | None = None,
    cluster: Cluster = ALONE,
    command: str | None = None,
) -> Callable[[], keras.Model]:
    """Retrieves (unless there is a table), trains the missing rounds and evaluates each.

    Where everything is there nothing is built: a network alone takes seconds.

    Of several processes only the chief retrieves, scores, evaluates and uses `workdir`; all return the same model.

    Args:
        config: all settings.
        sets: the images.
        workdir: where everything lies.
        stop: ends the training at the next step when it is made; on one device only.
        cluster: the devices.
        command: the command line, to be shown on TensorBoard.

    Returns:
        Gives the joint model with the weights of the last round, with --early_stopping of the best.
    """
    # Said before hours of describing.
    check_max_per_class(sets.target.labels, config.training.batch_size, config.training.max_per_class)
    augmentation(config.view, config.augmentation)
    if cluster.is_chief:
        tell_uneven(sets.target, config.training)
    training_sets = retrieved(config, sets, workdir, cluster)
    if cluster.replicas == 1 and _is_finished(config, sets, training_sets, workdir):
        log.info("all rounds are there")
        return functools.cache(lambda: _trained(config, sets, training_sets, workdir, stop, cluster, command))
    model = _trained(config, sets, training_sets, workdir, stop, cluster, command)
    return lambda: model


def _is_finished(config: RunConfig, sets: Sets, training_sets: TrainingSets, workdir: Workdir) -> bool:
    """Whether all rounds are there, whole and judged, and nothing is to be said or written of the start again."""
    done, patience, views = finished_rounds(workdir.rounds), config.training.early_stopping, views_stamp(config)
    if not done or is_saved(config.model.trunk) or config.model.partial_weights:
        return False
    if not is_intact(workdir.rounds, done[-1], training_made_from(config, training_sets)):
        return False
    if not all(evaluated(sets, workdir, index, views) for index in done):
        return False
    if len(done) < config.training.rounds and not (patience and runs_out(validation_scores(workdir), patience)):
        return False
    prune_rounds(workdir.rounds, config.checkpoints.keep_rounds, lambda index: validation_score(workdir, index))
    return True


def _trained(
    config: RunConfig,
    sets: Sets,
    training_sets: TrainingSets,
    workdir: Workdir,
    stop: StopRequest | None,
    cluster: Cluster,
    command: str | None,
) -> keras.Model:
    source_classes = sets.source_images().num_classes if config.learns_source else None
    several = sets.target.label_matrix is not None
    model = build_model(config, sets.target.num_classes, source_classes, cluster, several)
    if cluster.is_chief:
        keep_start(config, model, workdir)
    adapt_trunk(config, sets, model, workdir, stop, cluster)
    start_heads(config, sets, model, workdir, cluster)
    taught = co_tuning_of(config, sets, model, workdir, cluster)
    training_sets = dataclasses.replace(training_sets, co_tuning=taught)
    settings = config.checkpoints
    scorer = Scorer(
        model, network_view(config), config.training.eval_batch_size, cache_mb=config.training.view_cache_mb
    )
    views = views_stamp(config)
    # The center crop is what is scored between rounds anyway: with the same compiled pass and the same kept images.
    judge: Scorer | MultiViewScorer = scorer
    if views != "center":
        judge = make_scorer(model, evaluation_views(config), config.training.eval_batch_size)
    board = Board(config, sets, workdir, command)

    def after_round(state: RoundState, _: keras.Model, scores: TargetScores | None) -> None:
        # A resumed run comes by here with its last finished round; only what was killed before this is missing.
        with workdir.timed("evaluation"):
            figures = evaluate_round(judge, sets, workdir, state.index, views)
        prune_rounds(workdir.rounds, settings.keep_rounds, lambda index: validation_score(workdir, index))
        if scores is None:
            board.resumed(state)
        else:
            board.finished(state, figures, model, scores)

    made_from = training_made_from(config, training_sets, cluster.replicas)

    def fit(policy: CheckpointPolicy, hooks: RoundHooks) -> None:
        train_rounds(RoundSettings.of(config), model, scorer, training_sets, policy, hooks, cluster)

    if not cluster.is_chief:
        fit(CheckpointPolicy(workdir.rounds, made_from), RoundHooks())
        return model
    # The states of single replicas (statistics, dropout) are in no checkpoint: with several the round is the unit.
    alone = cluster.replicas == 1
    store = Checkpoints(workdir.checkpoints, settings.keep_checkpoints, made_from) if alone else None
    policy = CheckpointPolicy(
        workdir.rounds, made_from, store, settings.checkpoint_steps, board.mark, stop if alone else None
    )
    with workdir.timed("training and scoring"), board:
        patience = config.training.early_stopping
        if patience:
            _complete_figures(config, sets, workdir, views)
        fit(policy, RoundHooks(board.callbacks, after_round, lambda: runs_out(validation_scores(workdir), patience)))
    last = _evaluate_again(judge, sets, workdir, views, model)
    if (counting := counting_round(workdir, patience)) != last:
        load_round_weights(workdir.rounds, counting, model)
    return model


def tell_uneven(target: ImageSet, training: TrainingConfig) -> None:
    """Says that some classes have many times the images of others, unless training lets every class count alike."""
    if target.label_matrix is not None:  # for which there are no such weights
        return
    counts = target.class_counts[target.class_counts > 0]
    if counts.max() >= UNEVEN * counts.min() and not training.balances_classes:
        log.info(
            "the target's classes have %d to %d images: --class_weight=balanced or --sampling=balanced lets every "
            "class count alike",
            *(counts.min(), counts.max()),
        )


def _complete_figures(config: RunConfig, sets: Sets, workdir: Workdir, views: str) -> None:
    """Makes figures that finished rounds have lost, by which --early_stopping is about to go, with a model of its own.

    What is being trained would lose its weights.
    """
    done = finished_rounds(workdir.rounds)
    if all(evaluated(sets, workdir, index, views) for index in done):
        return
    source_classes = sets.source_images().num_classes if config.learns_source else None
    fresh = as_kept(config, workdir)
    # By thread Keras numbers layers, which flags may name: here it is as in a new start.
    with ThreadPoolExecutor(1) as thread:
        several = sets.target.label_matrix is not None
        building = thread.submit(build_model, fresh, sets.target.num_classes, source_classes, several_labels=several)
        model = building.result()
    scorer = make_scorer(model, evaluation_views(config), config.training.eval_batch_size)
    _evaluate_again(scorer, sets, workdir, views, model)


def _evaluate_again(
    judge: Scorer | MultiViewScorer, sets: Sets, workdir: Workdir, views: str, model: keras.Model
) -> int:
    """Makes figures of finished rounds that come from other views again; returns whose weights the model has then."""
    done = finished_rounds(workdir.rounds)
    others = [index for index in done if not evaluated(sets, workdir, index, views)]
    for index in others:
        load_round_weights(workdir.rounds, index, model)
        with workdir.timed("evaluation"):
            evaluate_round(judge, sets, workdir, index, views)
    return others[-1] if others else done[-1]
