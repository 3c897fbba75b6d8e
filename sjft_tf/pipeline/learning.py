"""The training stage: the model, what its rounds depend on, and the loop with its reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from sjft_tf import artifacts
from sjft_tf.models import JointModel, Scorer, build_joint_model, build_trunk, momentum_for_run, precision_scope
from sjft_tf.pipeline.board import Board
from sjft_tf.pipeline.inputs import Sets, network_view
from sjft_tf.pipeline.neighbors import neighbor_table
from sjft_tf.pipeline.results import evaluate_round, show_neighbors
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training import HardSampleMining, RoundState, TrainingSets, train_rounds
from sjft_tf.training.config import RunConfig
from sjft_tf.workdir import Workdir


def build_model(config: RunConfig, target_classes: int, source_classes: int | None) -> JointModel:
    """The joint model with its starting weights, the heads drawn from the run's seed."""
    keras.utils.set_random_seed(config.training.seed)
    settings = config.model
    with precision_scope(settings.precision):
        trunk = build_trunk(
            settings.trunk,
            config.view.image_size,
            weights=settings.weights,
            alpha=settings.alpha or None,
            depth=settings.depth,
            width=settings.width,
            batch_norm_momentum=settings.batch_norm_momentum or momentum_for_run(config.total_steps),
        )
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


def train(config: RunConfig, sets: Sets, workdir: Workdir, command: str | None = None) -> keras.Model:
    """Retrieves (unless there is a table), trains the missing rounds and evaluates each.

    Args:
        config: all settings.
        sets: the image sets.
        workdir: where everything lies.
        command: the command line, to be shown on TensorBoard.

    Returns:
        The joint model with the last round's weights.
    """
    table = neighbor_table(config, sets, workdir) if config.selection.selector in ("nearest", "random") else None
    if table is not None and sets.source is not None:
        show_neighbors(sets.target, sets.source, table, workdir)
    model = build_model(config, sets.target.num_classes, sets.source.num_classes if sets.source else None)
    scorer = Scorer(model, network_view(config), config.training.eval_batch_size)
    board = Board(config, sets, workdir, command)

    def after_round(state: RoundState, _: keras.Model, mining: HardSampleMining | None) -> None:
        # A resumed run comes by here with its last finished round; only what was killed before this is missing.
        with workdir.timed("evaluation"):
            figures = evaluate_round(scorer, sets, workdir, state.index)
        if mining is None:
            board.resumed(state)
        else:
            board.finished(state, figures, model, mining)

    with workdir.timed("training and scoring"), board:
        train_rounds(
            config,
            model,
            scorer,
            TrainingSets(sets.target, sets.source, None if table is None else table.rows),
            workdir.rounds,
            training_made_from(config, sets, table),
            callbacks=board.callbacks,
            after_round=after_round,
        )
    return model
