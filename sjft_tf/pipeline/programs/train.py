"""The whole job: sets opened and checked, neighbors, rounds, figures, the exported model."""

from __future__ import annotations

import tempfile

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.evaluation import EarlyStopping
from sjft_tf.images import refuse_changed
from sjft_tf.models import save_trunk
from sjft_tf.pipeline.checking.begun_run import (
    refuse_other_classes,
    refuse_other_images,
    refuse_other_run,
    refuse_other_target,
)
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.settings import check_sets, check_settings
from sjft_tf.pipeline.finished_run import Report, export_round, is_exported
from sjft_tf.pipeline.inputs import views_stamp
from sjft_tf.pipeline.networks import trunk_identity
from sjft_tf.pipeline.pruning.target import pruned
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.stages import learning
from sjft_tf.pipeline.stages.audit import audited
from sjft_tf.pipeline.stages.begun import as_begun
from sjft_tf.pipeline.stages.deciding import kept_decision, resolved
from sjft_tf.pipeline.stages.neighbors import list_length
from sjft_tf.pipeline.stages.projection import write_projection
from sjft_tf.pipeline.stages.results import counting_round, read_metrics, summarize, write_borrowed
from sjft_tf.pipeline.stages.retrieving import check_borrowing
from sjft_tf.pipeline.stages.weighting import source_pool
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import Sets
from sjft_tf.selection import TABLE_SELECTORS, WEIGHT_SELECTORS
from sjft_tf.training import (
    ALONE,
    Cluster,
    StopRequest,
    TrainingSets,
    first_counts,
    make_selector,
    read_round,
)
from sjft_tf.workdir import Workdir


def train(
    given: RunConfig,
    workdir: Workdir,
    stop: StopRequest | None = None,
    cluster: Cluster = ALONE,
    command: str | None = None,
    saved_model: bool = True,
    trunk: bool = False,
) -> Report:
    """The whole job: sets, neighbors, rounds, figures; with `saved_model` that, the trunk and the projector.

    Without a SavedModel the trunk is kept with `trunk` alone.

    Of several processes it is the chief's. `stop` ends it at the next step; TensorBoard shows `command`.
    """
    check_settings(given, workdir)
    config, sets = _checked_sets(given, workdir, cluster)

    def record() -> dict[str, np.ndarray]:
        source_classes = sets.source_images().class_names if config.learns_source else ()
        workdir.write_config(given)
        several = {"several_labels": True} if sets.target.label_matrix is not None else {}
        artifacts.write_json(workdir.classes, {"target": sets.target.class_names, "source": source_classes, **several})
        return {}

    cluster.once(record)
    trained = learning.train(config, sets, workdir, stop, cluster, command)

    def finish() -> dict[str, np.ndarray]:
        refuse_changed(*sets.scored().values())
        patience, rounds = config.training.early_stopping, config.training.rounds
        figures = summarize(
            *(sets, workdir, views_stamp(config), kept_decision(given, workdir), config.co_tuning > 0),
            early_stopping=EarlyStopping(patience, rounds) if patience else None,
            all_probabilities=config.evaluation.all_probabilities,
        )
        _write_last_borrowing(as_begun(config, workdir), sets, workdir)
        if not saved_model:
            if trunk and not outputs.intact(workdir.trunk):
                save_trunk(trained(), workdir.trunk)
                outputs.record(workdir.trunk)
            return {}
        with workdir.timed("export"):
            told = figures.counting
            names, path = sets.target.class_names, workdir.saved_model
            # Finished rounds do not change, but another may count now. Before the export, by which that is known.
            if not outputs.intact(workdir.trunk) or not is_exported(workdir, told.round):
                save_trunk(trained(), workdir.trunk)
                outputs.record(workdir.trunk)
            export_round(given, names, trained, workdir, told.round, path, told.sets)
        with workdir.timed("projector"):
            write_projection(config, sets, trained, workdir)
        return {}

    cluster.once(finish)  # the others stay until it is done: TensorFlow takes one that goes for lost and ends the rest
    return Report(read_metrics(workdir), workdir)


def _checked_sets(given: RunConfig, workdir: Workdir, cluster: Cluster) -> tuple[RunConfig, Sets]:
    """The image sets of a run, pruned and audited, after every check; until then nothing is written.

    Beside them the settings, of --selector=auto what it takes for these sets.
    """
    with held_back(workdir):
        with workdir.timed("opening image sets"):
            sets = open_sets(given, workdir)
        check_sets(given, sets)

        def check() -> dict[str, np.ndarray]:
            refuse_other_run(given, workdir)
            refuse_other_classes(sets.target.class_names, workdir)
            refuse_other_target(given, sets, workdir)
            return {}

        cluster.once(check)
        cluster.check_equal(_fingerprints(given, sets))
        if given.data.prune_target:
            sets = pruned(given, sets, workdir)
        config, sets = resolved(given, audited(given, sets, workdir, cluster), workdir, cluster)
        check_sets(config, sets)

        def check_images() -> dict[str, np.ndarray]:
            refuse_other_images(config, sets, workdir, cluster.replicas)
            check_borrowing(config, sets, workdir)
            return {}

        cluster.once(check_images)
    return config, sets


def assist(config: RunConfig, cluster: Cluster) -> None:
    """What a process that is not the chief does of `train`: its part of each batch. It leaves nothing behind."""
    check_settings(config)  # as the chief, which does not wait for others before it refuses
    with tempfile.TemporaryDirectory() as folder:
        workdir = Workdir(folder)
        sets = open_sets(config, workdir)
        check_sets(config, sets)
        cluster.once(dict)
        cluster.check_equal(_fingerprints(config, sets))
        config, sets = resolved(config, audited(config, sets, workdir, cluster), workdir, cluster)
        cluster.once(dict)
        cluster.once(dict)
        learning.train(config, sets, workdir, cluster=cluster)
        cluster.once(dict)


def _fingerprints(config: RunConfig, sets: Sets) -> dict[str, str]:
    source = sets.source.fingerprint if sets.source is not None else "none"
    settings = {
        name: section
        for name, section in config.to_json().items()
        if name not in ("data", "distribution", "monitor", "checkpoints")
    }
    # Both may lie elsewhere on each host.
    files = {"weights": "", "trunk": trunk_identity(config.model.trunk)}
    return {
        "target images": sets.target.fingerprint,
        "source images": source,
        "settings": artifacts.fingerprint(settings | {"model": settings["model"] | files}),
    }


def _write_last_borrowing(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    # A workdir may hold a table that this run has no use for: scripts/retrieve.py was there before.
    table, pool = None, None
    if config.selection.selector in TABLE_SELECTORS and sets.source is not None:
        # Checked when training began; opening bank and edges once more would tell nothing new.
        table = NeighborTable.load(workdir.neighbors).prefix(list_length(config, len(sets.source)))
    elif config.selection.selector in WEIGHT_SELECTORS and sets.source is not None:
        pool = source_pool(config, sets, workdir)
    rows = None if table is None else table.rows
    training_sets = TrainingSets(sets.target, sets.source, rows, pool)
    selector = make_selector(config.selection, training_sets, config.training.seed)
    if selector is None:
        return
    # A round's state holds K for the round after it; what a round used is in the one before.
    index = counting_round(workdir, config.training.early_stopping)
    if index:
        counts = read_round(workdir.rounds, index - 1).counts
    else:
        _, counts = first_counts(config.selection, config.training, selector, len(sets.target))
    own = table if config.selection.selector == "nearest" else None
    write_borrowed(sets, own, selector.borrow(counts).union, counts, workdir)
