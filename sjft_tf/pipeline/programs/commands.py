"""What the programs call: one function each, returning the lines to show at the end."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.descriptors import target_descriptors
from sjft_tf.errors import InputError
from sjft_tf.evaluation import SCORED, RunFigures, SetFigures
from sjft_tf.export import check_exported, export_saved_model, read_description
from sjft_tf.images.watching import refuse_changed
from sjft_tf.models import save_trunk
from sjft_tf.pipeline.checking.changes import refuse_other_classes
from sjft_tf.pipeline.checking.refusals import held_back, newest_checkpoint, refuse_other_target
from sjft_tf.pipeline.checking.settings import check_bank, check_sets, check_settings
from sjft_tf.pipeline.inputs import (
    Sets,
    descriptor_view,
    filter_bank,
    for_descriptors,
    network_view,
    open_sets,
    views_stamp,
)
from sjft_tf.pipeline.pruning.target import pruned
from sjft_tf.pipeline.stages.audit import audited
from sjft_tf.pipeline.stages.importance import class_importance
from sjft_tf.pipeline.stages.learning import build_model, train, training_made_from
from sjft_tf.pipeline.stages.neighbors import list_length, target_edges
from sjft_tf.pipeline.stages.projection import write_projection
from sjft_tf.pipeline.stages.results import evaluated, read_metrics, summarize, write_borrowed
from sjft_tf.pipeline.stages.retrieving import check_borrowing
from sjft_tf.pipeline.stages.retrieving import retrieve as retrieve
from sjft_tf.retrieval import NeighborTable
from sjft_tf.selection import TABLE_SELECTORS
from sjft_tf.training import TrainingSets, finished_rounds, load_round_weights, read_round
from sjft_tf.training.checkpoints.rounds import STATE, round_folder, round_made_from, weights_digest
from sjft_tf.training.distribution import ALONE, Cluster
from sjft_tf.training.rounds import first_counts, make_selector
from sjft_tf.training.stopping import StopRequest
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Report:
    """The end of a run: its figures (as in metrics.json) and where everything lies."""

    figures: RunFigures
    workdir: Workdir

    def lines(self) -> Iterator[str]:
        """The last lines on the screen."""
        final, fusion, last = self.figures.final.sets, self.figures.fusion, self.figures.rounds[-1]
        yield ""
        for name in SCORED:
            if name in final:
                yield f"{name:>10}: {describe(final[name])}"
            if name in fusion:
                yield f"{'fusion':>10}: {describe(fusion[name])}"
        if not final and last.scoring is not None:
            yield f"no --test images; on the training images {last.scoring.train_top1:.1%}"
        if last.borrowed is not None:
            yield (
                f"  borrowed: {last.borrowed.union_size} source images of {last.borrowed.source_classes} classes, "
                f"K {last.borrowed.mean_k:.0f} on average, {last.borrowed.max_k} at most"
            )
        if self.workdir.times.is_file():
            times = self.workdir.read_times()
            yield "      time: " + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in times.items())
        yield f"     model: {self.workdir.saved_model}"
        yield f"     board: tensorboard --logdir {self.workdir.logs}"
        run = self.workdir
        places = (run.metrics, run.report, run.predictions, run.borrowed, run.picture, run.leaks_picture)
        yield f"   details: {', '.join(str(place) for place in places if place.exists())}"


def describe(figures: SetFigures) -> str:
    """One set's figures in words."""
    return (
        f"top-1 {figures.top1:.2%}, mean class accuracy {figures.mean_class_accuracy:.2%}, "
        f"loss {figures.loss:.3f} ({figures.count} images)"
    )


def run(
    config: RunConfig,
    workdir: Workdir,
    stop: StopRequest | None = None,
    cluster: Cluster = ALONE,
    command: str | None = None,
    saved_model: bool = True,
) -> Report:
    """The whole job: sets, neighbors, rounds, figures; with `saved_model` that, the trunk and the projector.

    Of several processes it is the chief's. `stop` ends it at the next step; TensorBoard shows `command`.
    """
    check_settings(config)
    sets = _checked_sets(config, workdir, cluster)

    def record() -> dict[str, Any]:
        source_classes = sets.source.class_names if sets.source is not None else ()
        workdir.write_config(config)
        artifacts.write_json(workdir.classes, {"target": sets.target.class_names, "source": source_classes})
        return {}

    cluster.once(record)
    model = train(config, sets, workdir, stop, cluster, command)

    def finish() -> dict[str, Any]:
        refuse_changed(*sets.scored().values())
        figures = summarize(sets, workdir, views_stamp(config))
        _write_last_borrowing(config, sets, workdir)
        if not saved_model:
            return {}
        with workdir.timed("export"):
            last = figures.rounds[-1]
            _export(config, sets.target.class_names, model, workdir, last.round, workdir.saved_model, last.sets)
            if not outputs.intact(workdir.trunk):  # finished rounds do not change
                save_trunk(model, workdir.trunk)
                outputs.record(workdir.trunk)
        with workdir.timed("projector"):
            write_projection(config, sets, model, workdir)
        return {}

    cluster.once(finish)  # the others stay until it is done: TensorFlow takes one that goes for lost and ends the rest
    return Report(read_metrics(workdir), workdir)


def _checked_sets(config: RunConfig, workdir: Workdir, cluster: Cluster) -> Sets:
    """The image sets of a run, pruned and audited, after every check; until then nothing is written."""
    with held_back(workdir):
        with workdir.timed("opening image sets"):
            sets = open_sets(config, workdir)
        check_sets(config, sets)

        def check() -> dict[str, Any]:
            refuse_other_run(config, workdir)
            refuse_other_classes(sets.target.class_names, workdir)
            refuse_other_target(config, sets, workdir)
            return {}

        cluster.once(check)
        cluster.check_equal(_fingerprints(config, sets))
        if config.data.prune_target:
            sets = pruned(config, sets, workdir)
        sets = audited(config, sets, workdir, cluster)

        def check_images() -> dict[str, Any]:
            refuse_other_images(config, sets, workdir, cluster.replicas)
            check_borrowing(config, sets, workdir)
            return {}

        cluster.once(check_images)
    return sets


def assist(config: RunConfig, cluster: Cluster) -> None:
    """What a process that is not the chief does of `run`: its part of each batch. It leaves nothing behind."""
    check_settings(config)  # as the chief, which does not wait for others before it refuses
    with tempfile.TemporaryDirectory() as folder:
        workdir = Workdir(folder)
        sets = open_sets(config, workdir)
        check_sets(config, sets)
        cluster.once(dict)
        cluster.check_equal(_fingerprints(config, sets))
        sets = audited(config, sets, workdir, cluster)
        cluster.once(dict)
        cluster.once(dict)
        train(config, sets, workdir, cluster=cluster)
        cluster.once(dict)


def _fingerprints(config: RunConfig, sets: Sets) -> dict[str, str]:
    source = sets.source.fingerprint if sets.source is not None else "none"
    settings = {
        name: section
        for name, section in config.to_json().items()
        if name not in ("data", "distribution", "monitor", "checkpoints")
    }
    return {
        "target images": sets.target.fingerprint,
        "source images": source,
        "settings": artifacts.fingerprint(settings | {"model": settings["model"] | {"weights": ""}}),
    }


def refuse_other_run(config: RunConfig, workdir: Workdir) -> None:
    """Refuses a workdir in which rounds or checkpoints of other settings lie, before anything in it is touched."""
    begun = finished_rounds(workdir.rounds) or workdir.checkpoints.is_dir()
    if begun and workdir.config.is_file():
        # Not the data's, nor the starting weights: both are known by content, wherever they lie.
        there, asked = (
            c.stamp(
                *("view", "augmentation", "retrieval", "selection", "model", "training"),
                *(["prune"] if config.data.prune_target else []),
            )
            for c in (workdir.read_config(), config)
        )
        wanted = asked | {"weights": there["weights"]}
        artifacts.check_made_from(workdir.rounds, there, wanted, artifacts.OTHER_WORKDIR)


def refuse_other_images(config: RunConfig, sets: Sets, workdir: Workdir, replicas: int = 1) -> None:
    """Refuses a workdir whose rounds, checkpoints or scores come from other images, classes, weights or devices.

    Before the records of the run (config.json, classes.json) are written: a finished run must stay what it is when
    another one is started in its folder. Neighbors are compared later; they follow from what is compared here.

    Raises:
        ArtifactMismatch: names both sides.
    """
    wanted = training_made_from(config, TrainingSets(sets.target, sets.source), replicas)

    def compare(path: Path, there: dict[str, Any], *later: str) -> None:
        found, asked = ({k: v for k, v in stamp.items() if k not in later} for stamp in (there, wanted))
        artifacts.check_made_from(path, found, asked, artifacts.OTHER_WORKDIR)

    done = finished_rounds(workdir.rounds)
    for index in done:
        path = round_folder(workdir.rounds, index) / STATE
        compare(path, round_made_from(workdir.rounds, index), "neighbors", "pool")
        evaluated(sets, workdir, index, views_stamp(config))
    # With finished rounds a checkpoint says nothing new. Several devices make none and start the round again.
    if not done and (newest := newest_checkpoint(workdir)) is not None:
        compare(*newest, "neighbors", "pool", "devices")


def _write_last_borrowing(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    # A workdir may hold a table that this run has no use for: scripts/retrieve.py was there before.
    table, pool = None, None
    if config.selection.selector in TABLE_SELECTORS and sets.source is not None:
        # Checked when training began; opening bank and edges once more would tell nothing new.
        table = NeighborTable.load(workdir.neighbors).prefix(list_length(config, len(sets.source)))
    elif config.selection.selector == "class_importance":
        pool = class_importance(config, sets, workdir).pool
    rows = None if table is None else table.rows
    selector = make_selector(config, TrainingSets(sets.target, sets.source, rows, pool))
    if selector is None:
        return
    # A round's state holds K for the round after it; what the last round used is in the one before.
    last = finished_rounds(workdir.rounds)[-1]
    if last:
        counts = read_round(workdir.rounds, last - 1).counts
    else:
        _, counts = first_counts(config, selector, len(sets.target))
    own = table if config.selection.selector == "nearest" else None
    write_borrowed(sets, own, selector.borrow(counts).union, counts, workdir)


def _export(
    config: RunConfig,
    class_names: tuple[str, ...],
    model: keras.Model,
    workdir: Workdir,
    number: int,
    path: Path,
    figures: Mapping[str, SetFigures],
) -> None:
    """Writes the SavedModel of round `number` to `path`, unless the one there is the same."""
    description = {
        "config": config.to_json(),
        "round": number,
        "weights": weights_digest(workdir.rounds, number - 1),
        "figures": {name: figures[name].headline.to_json() for name in SCORED if name in figures},
    }
    if path.exists():
        try:
            check_exported(path)
            if read_description(path)["made_from"] == description:
                return
        except InputError as error:
            log.warning("%s The model is exported again.", error)
    export_saved_model(model, class_names, network_view(config), path, description)


def extract(config: RunConfig, workdir: Workdir) -> list[str]:
    """Fits the bin edges to the target and writes the target's descriptors."""
    check_bank(dataclasses.replace(config, selection=dataclasses.replace(config.selection, selector="nearest")))
    with held_back(workdir):
        sets = open_sets(config, workdir)
        refuse_other_target(config, sets, workdir)
        bank, target = filter_bank(config), for_descriptors(config, sets.target)
        edges = target_edges(config, target, bank, workdir)
    _, histograms = target_descriptors(target, bank, descriptor_view(config), edges.bins, edges=edges)
    refuse_changed(sets.target)
    path = workdir.root / "descriptors-target.npz"
    made_from = {"target": sets.target.fingerprint, "edges": edges.fingerprint}
    artifacts.save_npz(path, {"histograms": histograms, "ids": sets.target.ids}, {"made_from": made_from})
    return [
        f"     edges: {workdir.edges} ({sum(edges.layer_channels)} filters of bank {bank.name}, {edges.bins} bins)",
        f"  descriptors: {path} ({histograms.shape[0]} images x {histograms.shape[1]} numbers)",
    ]


def restore(workdir: Workdir, number: int) -> tuple[RunConfig, keras.Model, list[str], int]:
    """The trained model of a run: `(config, joint model, target class names, round)`.

    Args:
        workdir: a run with at least one finished round.
        number: round from 1, or 0 for the last finished one.
    """
    config, rounds = workdir.read_config(), finished_rounds(workdir.rounds)
    if not rounds or not 0 <= number <= len(rounds):
        raise InputError(f"--round must be between 1 and {len(rounds)}, the finished rounds, or 0. Received: {number}")
    classes = workdir.read_classes()
    # The round's weights replace the starting ones, so a download or a file that has moved is not needed.
    fresh = dataclasses.replace(config, model=dataclasses.replace(config.model, weights="none"))
    model = build_model(fresh, len(classes["target"]), len(classes["source"]) or None)
    number = number or len(rounds)
    load_round_weights(workdir.rounds, number - 1, model)
    return config, model, classes["target"], number


def export(workdir: Workdir, number: int, output: str) -> Iterator[str]:
    """Writes the SavedModel of one of a run's rounds."""
    config, model, names, number = restore(workdir, number)
    path = Path(output) if output else workdir.saved_model
    if path.exists() and not (path / "saved_model.pb").is_file():
        raise InputError(f"--output={path} exists and is no SavedModel; it will not be overwritten")
    of_round = read_metrics(workdir).of_round(number) if workdir.metrics.is_file() else None
    with workdir.locked():
        _export(config, tuple(names), model, workdir, number, path, of_round.sets if of_round else {})
    yield f"round {number} exported: {path}"
