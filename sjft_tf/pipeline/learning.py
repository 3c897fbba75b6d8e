"""The training stage: the model, what its rounds depend on, and the loop with its reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from sjft_tf import artifacts
from sjft_tf.models import Scorer, build_joint_model, build_trunk, momentum_for_run, reset_from
from sjft_tf.pipeline.inputs import Sets, network_view
from sjft_tf.pipeline.neighbors import neighbor_table
from sjft_tf.pipeline.results import evaluate_round, show_neighbors
from sjft_tf.retrieval import NeighborTable
from sjft_tf.summaries import RoundSummaries, TrainingSummaries
from sjft_tf.training import HardSampleMining, RoundState, TrainingSets, train_rounds
from sjft_tf.training.config import RunConfig
from sjft_tf.workdir import Workdir


def build_run_trunk(config: RunConfig, weights: str) -> keras.Model:
    """The configured trunk with these weights."""
    settings = config.model
    return build_trunk(
        settings.trunk,
        config.view.image_size,
        weights=weights,
        alpha=settings.alpha or None,
        depth=settings.depth,
        width=settings.width,
        batch_norm_momentum=settings.batch_norm_momentum or momentum_for_run(config.total_steps),
    )


def build_model(config: RunConfig, target_classes: int, source_classes: int | None) -> keras.Model:
    """The joint model with its starting weights, the heads drawn from the run's seed."""
    keras.utils.set_random_seed(config.training.seed)
    settings = config.model
    trunk = build_run_trunk(config, settings.weights)
    if settings.reset_from and settings.weights != "none":
        trunk = reset_from(trunk, settings.reset_from, build_run_trunk(config, "none"))
    return build_joint_model(trunk, target_classes, source_classes, dropout=settings.dropout)


def training_made_from(config: RunConfig, sets: Sets, table: NeighborTable | None) -> dict[str, Any]:
    """What the trained rounds depend on: settings, images, neighbors, starting weights."""
    weights = Path(config.model.weights)
    return config.stamp("view", "selection", "model", "training") | {
        "target images": sets.target.fingerprint,
        "source images": sets.source.fingerprint if sets.source is not None else None,
        "neighbors": artifacts.fingerprint(table.rows) if table is not None else None,
        "weights": artifacts.fingerprint(weights.read_bytes()) if weights.is_file() else config.model.weights,
    }


def train(config: RunConfig, sets: Sets, workdir: Workdir) -> keras.Model:
    """Retrieves (unless there is a table), trains the missing rounds and evaluates each.

    Returns:
        The joint model with the last round's weights.
    """
    table = neighbor_table(config, sets, workdir) if config.selection.selector in ("nearest", "random") else None
    if table is not None and sets.source is not None:
        show_neighbors(sets.target, sets.source, table, workdir)
    model = build_model(config, sets.target.num_classes, sets.source.num_classes if sets.source else None)
    scorer = Scorer(model, network_view(config), config.training.eval_batch_size)
    boards: dict[int, RoundSummaries] = {}

    def callbacks(index: int) -> list[keras.callbacks.Callback]:
        boards[index] = RoundSummaries(workdir.logs, index)
        images = config.training.batch_size * (2 if sets.source is not None else 1)
        every = max(1, min(50, config.training.steps_per_round // 20))
        return [TrainingSummaries(boards[index], every, images)]

    def after_round(state: RoundState, _: keras.Model, mining: HardSampleMining | None) -> None:
        # A resumed run comes by here with its last finished round; only what was killed before this is missing.
        with workdir.timed("evaluation"):
            figures = evaluate_round(scorer, sets, workdir, state.index)
        board = boards.pop(state.index, None)
        if board is None or mining is None:
            return
        with board:
            found = state.metrics["scoring"]
            for name, metrics in figures.items():
                board.scalars(state.global_step, {f"{name}/{key}": metrics[key] for key in metrics if key != "count"})
            board.scalars(state.global_step, {"hard/wrong": found["wrong"], "hard/uncertain": found["uncertain"]})
            if mining.borrowing is not None:
                board.borrowing(state.global_step, mining.borrowing.counts, len(mining.borrowing.union))
            if table is not None and state.index == 0:
                board.picture(state.global_step, "borrowed/neighbors", workdir.picture)

    with workdir.timed("training and scoring"):
        train_rounds(
            config,
            model,
            scorer,
            TrainingSets(sets.target, sets.source, None if table is None else table.rows),
            workdir.rounds,
            training_made_from(config, sets, table),
            callbacks=callbacks,
            after_round=after_round,
        )
    return model
