"""The training stage: the model, what its rounds depend on, and the loop with its reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.models import JointModel, Scorer, build_joint_model, build_trunk, momentum_for_run, precision_scope
from sjft_tf.pipeline.inputs import Sets, network_view
from sjft_tf.pipeline.neighbors import neighbor_table
from sjft_tf.pipeline.results import evaluate_round, show_neighbors
from sjft_tf.retrieval import NeighborTable
from sjft_tf.summaries import RoundSummaries, TrainingSummaries
from sjft_tf.training import HardSampleMining, RoundState, TrainingSets, train_rounds
from sjft_tf.training.config import RunConfig
from sjft_tf.training.distribution import ALONE, Cluster
from sjft_tf.workdir import Workdir


def build_model(
    config: RunConfig, target_classes: int, source_classes: int | None, cluster: Cluster = ALONE
) -> JointModel:
    """The joint model with its starting weights, the heads drawn from the run's seed, on all devices of `cluster`."""
    keras.utils.set_random_seed(config.training.seed)
    settings = config.model
    with cluster.building(), precision_scope(settings.precision):
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


def training_made_from(config: RunConfig, sets: Sets, table: NeighborTable | None, replicas: int = 1) -> dict[str, Any]:
    """What the trained rounds depend on: settings, images, neighbors, starting weights, devices if several."""
    weights = Path(config.model.weights)
    several = {"devices": replicas} if replicas > 1 else {}
    return (
        config.stamp("view", "selection", "model", "training")
        | several
        | {
            "target images": sets.target.fingerprint,
            "source images": sets.source.fingerprint if sets.source is not None else None,
            "neighbors": artifacts.fingerprint(table.rows) if table is not None else None,
            "weights": artifacts.fingerprint(weights.read_bytes()) if weights.is_file() else config.model.weights,
        }
    )


def train(config: RunConfig, sets: Sets, workdir: Workdir, cluster: Cluster = ALONE) -> keras.Model:
    """Retrieves (unless there is a table), trains the missing rounds and evaluates each.

    Of several processes only the chief retrieves, scores, evaluates and uses `workdir`; all return the same model.

    Returns:
        The joint model with the last round's weights.
    """
    table: NeighborTable | None = None
    rows: np.ndarray | None = None

    def retrieve() -> dict[str, np.ndarray]:
        nonlocal table
        table = neighbor_table(config, sets, workdir)
        if sets.source is not None:
            show_neighbors(sets.target, sets.source, table, workdir)
        return {"rows": table.rows}

    if config.selection.selector in ("nearest", "random"):
        rows = cluster.once(retrieve)["rows"]
    model = build_model(config, sets.target.num_classes, sets.source.num_classes if sets.source else None, cluster)
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

    def fit(**reports: Any) -> None:
        train_rounds(
            config,
            model,
            scorer,
            TrainingSets(sets.target, sets.source, rows),
            workdir.rounds,
            training_made_from(config, sets, table, cluster.replicas),
            cluster=cluster,
            **reports,
        )

    if not cluster.is_chief:
        fit()
        return model
    with workdir.timed("training and scoring"):
        fit(callbacks=callbacks, after_round=after_round)
    return model
