"""What the processes of a study do: look at image sets, make a neighbor table, train one run."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.evaluation import SetFigures
from sjft_tf.images import ImageSet, few_of_each
from sjft_tf.influence import save_kept
from sjft_tf.models import counted_layers
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.settings import check_sets, check_settings
from sjft_tf.pipeline.checking.several_labels import refusal
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.programs import train as training_program
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.stages.audit import audit_of, warnings
from sjft_tf.pipeline.stages.deciding import decision_of
from sjft_tf.pipeline.stages.neighbors import neighbor_table
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.pipeline.stages.weighting import source_pool
from sjft_tf.pipeline.studying.frozen_head import evaluate_head
from sjft_tf.pipeline.studying.job_types import HeadJob, Job, LinearJob, LookJob, SurveyJob, TableJob, TrainJob
from sjft_tf.pipeline.studying.linear_classifier import evaluate_svm
from sjft_tf.run_sets import without_repeats
from sjft_tf.selection import WEIGHT_SELECTORS
from sjft_tf.study import ResultFigures, RunResult, SetsSummary
from sjft_tf.training import StopRequest, finished_rounds, kept_rounds, open_cluster
from sjft_tf.workdir import StudyFiles, Workdir

_ENDING = 60.0  # seconds: a run whose worker or study was killed ends, and is done again by another process
_WEIGHTS = ("importance", "transport", "likeness")  # of the source, as a workdir calls them


def work(job: Job) -> None:
    """Does a job."""
    match job:
        case LookJob():
            look(job)
        case SurveyJob():
            survey(job)
        case TableJob():
            make_table(job)
        case TrainJob():
            train(job)
        case LinearJob():
            linear(job)
        case HeadJob():
            head(job)


def forget() -> None:
    """Leaves nothing of a job behind for the next one in the process: models, names of layers, memory."""
    keras.backend.clear_session()
    gc.collect()


def look(job: LookJob) -> None:
    """Opens all image sets, audits the source, and writes what a study must know (`SetsSummary`).

    Raises:
        ArtifactMismatch: the sets are not those that are known; nothing has been written then.
    """
    check_settings(job.config)
    room, known = run_workdir(job.folder, job.shared, ""), job.known
    with held_back(room, begun=known is not None):
        sets, kept, target_ids = _looked(job.config, job.holdout_test, room)
        if known is not None:
            artifacts.check_made_from(room.root, known, sets.fingerprints, artifacts.OTHER_WORKDIR)
    if kept is not None:
        path = str(room.root / StudyFiles.SOURCE)
        save_kept(path, *kept, {"audit": "--exclude_leaks"})
        sets = dataclasses.replace(sets, source_rows=path)
    if target_ids:
        path = str(room.root / StudyFiles.TARGET)
        with artifacts.atomic_write(path, "w") as stream:
            stream.writelines(f"{name}\n" for name in target_ids)
        sets = dataclasses.replace(sets, target_rows=path)
    artifacts.write_json(job.output, sets.to_json())


def _looked(
    config: RunConfig, holdout_test: float, room: Workdir
) -> tuple[SetsSummary, tuple[ImageSet, np.ndarray] | None, list[str]]:
    """What is to be known, the source with its images that are kept (bool [N]), and the ids of the target's.

    None and [] where all are kept.
    """
    opened: list[str] = []
    whole = config.replace("data", per_class=0, exclude_leaks=False)
    sets, holdout = open_sets(whole, room, opened.append), 0.0
    if sets.target.label_matrix is not None:
        raise refusal("A study", sets.target)
    if sets.test is None:
        holdout = holdout_test
        if not holdout:
            raise InputError("There are no test images: give --test, or a --holdout_test above 0")
        sets = open_sets(whole.replace("data", holdout_test=holdout), room, lambda line: None)
    target, repeated = without_repeats(sets.target, sets.scored(), config.data.exclude_leaks)
    # What is held out of the target stays so.
    held_out = sets.scored()["test"].ids.tolist() if holdout else []
    target_ids = [*target.ids.tolist(), *held_out] if len(target) < len(sets.target) else []
    sets = dataclasses.replace(sets, target=target)
    if config.data.per_class:
        few_of_each(sets.target, config.data.per_class, config.training.seed)  # said now rather than by every run
    check_sets(config, sets)
    leaks = [repeated] if repeated else []
    rest = None
    if sets.source is not None and config.data.audit:
        audit = audit_of(config, sets, room)
        leaks += warnings(sets.source, audit, room, config.data.exclude_leaks)
        if config.data.exclude_leaks and audit.leaks:
            rows = {leak.source_row for leak in audit.leaks}
            rest = sets.source, np.array([row not in rows for row in range(len(sets.source))])
    counts = sets.target.class_counts
    roles = {"target": sets.target, "source": sets.source, **sets.scored()}
    summary = SetsSummary(
        validation=sets.validation is not None,
        holdout=holdout,
        smallest=int(counts.min()),
        smallest_name=sets.target.class_names[int(counts.argmin())],
        images={role: len(images) for role, images in roles.items() if images is not None},
        fingerprints={role: images.fingerprint for role, images in roles.items() if images is not None},
        warnings=tuple(leaks),
        opened=tuple(opened),
    )
    return summary, rest, target_ids


def survey(job: SurveyJob) -> None:
    """Opens the target and the source, without their other splits, and builds the trunk; tells their names."""
    config, room = job.config, run_workdir(job.shared, job.shared, "")
    config.check_network()
    names: dict[str, list[str]] = {"target": [], "source": []}
    for role, spec in (("target", config.data.target), *(("source", spec) for spec in config.data.source)):
        alone = config.replace("data", target=spec, source=[], validation="none", test="none")
        names[role] += open_sets(
            alone.replace("selection", selector="none"), room, lambda line: None
        ).target.class_names
    layers = counted_layers(build_run_trunk(config, "none"))
    artifacts.write_json(job.output, {**names, "layers": [layer.name for layer in layers]})


def make_table(job: TableJob) -> None:
    """Makes the neighbor table (or the weights of the source); of --selector=auto the choice, which needs none."""
    config, workdir = job.config, run_workdir(job.folder, job.shared, job.table)
    with workdir.timed("opening image sets"):
        sets = open_sets(config, workdir)
    if config.selection.selector == "auto":
        decision_of(config, sets, workdir)
        return
    (source_pool if config.selection.selector in WEIGHT_SELECTORS else neighbor_table)(config, sets, workdir)


def train(job: TrainJob) -> None:
    """One run, as scripts/train.py makes it, but without a SavedModel."""
    workdir = run_workdir(job.folder, job.shared, job.table)
    with workdir.locked(_ENDING):
        finished = finished_rounds(workdir.rounds)
        if finished and finished != kept_rounds(workdir.rounds):
            # Trained, not chosen, its weights removed; now it is chosen after all.
            artifacts.remove_directory(workdir.rounds)
        cluster = open_cluster(job.config.distribution, job.config.training.batch_size)
        training_program.train(job.config, workdir, StopRequest(), cluster, job.command, False, job.trunk)
        _link(workdir)
        _write_result(workdir, job.stamp)


def head(job: HeadJob) -> None:
    """The convex head on the frozen trunk."""
    workdir = run_workdir(job.folder, job.shared, "")
    with workdir.locked(_ENDING):
        evaluate_head(job.config, workdir, job.folds)
        _link(workdir)
        _write_result(workdir, job.stamp)


def linear(job: LinearJob) -> None:
    """A linear SVM on the frozen trunk."""
    workdir = run_workdir(job.folder, job.shared, "")
    with workdir.locked(_ENDING):
        evaluate_svm(job.config, workdir, job.what, job.folds)
        _link(workdir)
        _write_result(workdir, job.stamp)


def run_workdir(folder: str, shared: str, table: str) -> Workdir:
    """A run's workdir whose image scans and neighbor table lie in the shared folder."""
    workdir, common = Workdir(folder), Path(shared)
    workdir.scans = common / "images"
    # Named by what they were made from.
    workdir.heads, workdir.adapted = common / "heads", common / "adapted"
    if table:
        for name in ("edges", "neighbors", "search", "search_report", "descriptors", "picture", "decision", *_WEIGHTS):
            setattr(workdir, name, common / table / getattr(workdir, name).name)
    return workdir


def _link(workdir: Workdir) -> None:
    """Links to what is shared, so that every other program finds it in the run's folder."""
    weights = (getattr(workdir, name) for name in _WEIGHTS)
    for path in (workdir.scans, workdir.edges, workdir.neighbors, workdir.picture, workdir.decision, *weights):
        link = workdir.root / path.name
        if path.parent != workdir.root and path.exists() and not link.exists():
            with contextlib.suppress(OSError):  # a file system without links: other programs make their own
                link.symlink_to(os.path.relpath(path, workdir.root))


def _write_result(workdir: Workdir, stamp: str) -> None:
    figures = read_metrics(workdir)
    seconds = round(sum(workdir.read_times().values()), 3)
    result = RunResult(stamp, seconds, _by_metric(figures.final.sets), _by_metric(figures.fusion))
    artifacts.write_json(workdir.root / StudyFiles.RESULT, result.to_json())


def _by_metric(sets: Mapping[str, SetFigures]) -> ResultFigures:
    return ResultFigures(
        {name: figures.mean_class_accuracy for name, figures in sets.items()},
        {name: figures.top1 for name, figures in sets.items()},
        {name: figures.loss for name, figures in sets.items()},
    )
