"""What does not belong to the run begun in a workdir is refused: other settings, classes, images, weights, devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sjft_tf import artifacts
from sjft_tf.catalog import is_saved
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.changes import class_changes
from sjft_tf.pipeline.inputs import views_stamp
from sjft_tf.pipeline.stages.learning import training_made_from
from sjft_tf.pipeline.stages.results import evaluated, validation_scores
from sjft_tf.run_sets import Sets
from sjft_tf.training import (
    Checkpoints,
    DamagedCheckpoint,
    TrainingSets,
    as_long_as,
    finished_rounds,
    round_folder,
    round_made_from,
    runs_out,
)
from sjft_tf.workdir import RoundFiles, Workdir

_DIVIDED_BY = ("target_rows", "prune_target", "per_class", "holdout_test", "validation_fold", "exclude_leaks")


def refuse_other_run(config: RunConfig, workdir: Workdir) -> None:
    """Refuses a workdir in which rounds or checkpoints of other settings lie, before anything in it is touched.

    Raises:
        ArtifactMismatch: settings other than the run's length differ, or it would be shorter.
        InputError: a run is to become longer that has not ended as it was begun.
    """
    begun = finished_rounds(workdir.rounds) or workdir.checkpoints.is_dir()
    if begun and workdir.config.is_file():
        run = workdir.read_config()
        # Not the data's, nor the starting weights or a saved trunk: they are known by content, wherever they lie.
        recorded, current = (
            c.stamp(
                *("view", "augmentation", "retrieval", "selection", "model", "training"),
                *(["prune"] if config.data.prune_target else []),
            )
            | {"aspect_ratio": c.data.aspect_ratio}  # in words, before the images are looked at
            for c in (run, config)
        )
        current |= {"weights": recorded["weights"]}
        if is_saved(run.model.trunk) and is_saved(config.model.trunk):
            current |= {"trunk": recorded["trunk"]}
        if config.training.early_stopping:  # by other views another round might be the best, or the last
            recorded |= {"views of evaluation": views_stamp(run)}
            current |= {"views of evaluation": views_stamp(config)}
        artifacts.check_made_from(workdir.rounds, as_long_as(recorded, current), current, artifacts.OTHER_WORKDIR)
        if config.training.rounds > run.training.rounds:
            _refuse_unfinished(run, workdir)


def _refuse_unfinished(run: RunConfig, workdir: Workdir) -> None:
    """Raises InputError if the run still has rounds to train: its rate is over all that it was begun with."""
    done, planned, patience = len(finished_rounds(workdir.rounds)), run.training.rounds, run.training.early_stopping
    if done < planned and not (patience and done and runs_out(validation_scores(workdir), patience)):
        raise InputError(
            f"The run in {workdir.root} has finished {done} of its {planned} rounds. End it with --rounds={planned} "
            f"before it is trained longer, or choose another --workdir."
        )


def refuse_other_classes(names: Sequence[str], workdir: Workdir) -> None:
    """Raises ArtifactMismatch, with their names, if the run in `workdir` (finished or stopped) has other classes."""
    begun = finished_rounds(workdir.rounds) or workdir.checkpoints.is_dir()
    if not begun or not workdir.classes.is_file():
        return
    if changes := class_changes(workdir.read_classes()["target"], names):
        raise artifacts.ArtifactMismatch(
            f"The run in {workdir.root} has other target classes than these ({changes}). {artifacts.OTHER_WORKDIR}"
        )


def refuse_other_target(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Refuses to put results about another target into the folder of a run that is finished or was stopped.

    Only where both divide their target alike; a table, an audit or a pruning that is there is compared by itself.

    Raises:
        ArtifactMismatch: the run was trained on other images.
    """
    done = finished_rounds(workdir.rounds)
    if not (done or workdir.checkpoints.is_dir()) or not workdir.config.is_file():
        return
    run = workdir.read_config()
    ours, theirs = ([getattr(c.data, name) for name in _DIVIDED_BY] for c in (config, run))
    if ours != theirs or run.data.prune_target or (run.data.per_class and config.training.seed != run.training.seed):
        return
    if done:
        path = round_folder(workdir.rounds, done[-1]) / RoundFiles.STATE
        stamp = round_made_from(workdir.rounds, done[-1])
    else:
        try:
            newest = newest_checkpoint(workdir)
        except DamagedCheckpoint:  # for the training to tell
            return
        if newest is None:
            return
        path, stamp = newest
    trained_on = {"target images": stamp.get("target images")}
    artifacts.check_made_from(path, trained_on, {"target images": sets.target.fingerprint}, artifacts.OTHER_WORKDIR)


def newest_checkpoint(workdir: Workdir) -> tuple[Path, artifacts.Stamp] | None:
    """Folder and stamp of the newest checkpoint of a run's first round; None without any.

    Raises:
        DamagedCheckpoint: none of them can be read.
    """
    return Checkpoints(workdir.checkpoints, 1, {}).origin_of_newest("the beginning")


def refuse_other_images(config: RunConfig, sets: Sets, workdir: Workdir, replicas: int = 1) -> None:
    """Refuses a workdir whose rounds, checkpoints or scores come from other images, classes, weights or devices.

    Before the records of the run (config.json, classes.json) are written: a finished run must stay what it is when
    another one is started in its folder. Neighbors are compared later; they follow from what is compared here.

    Raises:
        ArtifactMismatch: names both sides.
    """
    current = training_made_from(config, TrainingSets(sets.target, sets.source), replicas)

    def compare(path: Path, recorded: artifacts.Stamp, *later: str) -> None:
        before, now = ({k: v for k, v in stamp.items() if k not in later} for stamp in (recorded, current))
        artifacts.check_made_from(path, as_long_as(before, now), now, artifacts.OTHER_WORKDIR)

    done = finished_rounds(workdir.rounds)
    for index in done:
        path = round_folder(workdir.rounds, index) / RoundFiles.STATE
        compare(path, round_made_from(workdir.rounds, index), "neighbors", "pool")
        evaluated(sets, workdir, index, views_stamp(config))
    # With finished rounds a checkpoint says nothing new. Several devices make none and start the round again.
    if not done and (newest := newest_checkpoint(workdir)) is not None:
        compare(*newest, "neighbors", "pool", "devices")
