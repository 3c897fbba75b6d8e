"""What the processes of a comparison do: look at the image sets, make a neighbor table, train one run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, few_of_each
from sjft_tf.influence import save_kept
from sjft_tf.pipeline.checking.held_back import held_back
from sjft_tf.pipeline.checking.settings import check_sets, check_settings
from sjft_tf.pipeline.comparing.frozen_head import evaluate_head
from sjft_tf.pipeline.comparing.runs import RESULT
from sjft_tf.pipeline.inputs import open_sets
from sjft_tf.pipeline.programs import train as training_program
from sjft_tf.pipeline.stages.audit import audit_of, warnings
from sjft_tf.pipeline.stages.importance import class_importance
from sjft_tf.pipeline.stages.neighbors import neighbor_table
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.training import StopRequest, finished_rounds, kept_rounds, open_cluster
from sjft_tf.workdir import Workdir


def work(job: dict[str, Any]) -> None:
    """Does a job: `{"kind": "look", "table", "train" or "head", "config": ..., ...}`, see the functions below."""
    config = RunConfig.from_json(job["config"])
    {"look": look, "table": make_table, "train": train, "head": head}[job["kind"]](config, job)


def look(config: RunConfig, job: dict[str, Any]) -> None:
    """Opens all image sets, audits the source, and writes what a comparison must know (`planning.SetsSummary`).

    Args:
        config: the base settings.
        job: "shared": folder for scans and the audit; "holdout_test": share for testing where no test images are;
            "output": the file; "known": fingerprints of the sets a comparison was begun with, None for a new one.

    Raises:
        ArtifactMismatch: the sets are not those that are known; nothing has been written then.
    """
    check_settings(config)
    shared, known = Workdir(job["shared"]), job["known"]
    with held_back(shared, begun=known is not None):
        content, kept = _looked(config, job["holdout_test"], shared)
        if known is not None:
            artifacts.check_made_from(shared.root, known, content["fingerprints"], artifacts.OTHER_WORKDIR)
    if kept is not None:
        content["source_rows"] = str(shared.root / "source-kept.json")
        save_kept(content["source_rows"], *kept, {"audit": "--exclude_leaks"})
    artifacts.write_json(job["output"], content)


def _looked(
    config: RunConfig, holdout_test: float, shared: Workdir
) -> tuple[dict[str, Any], tuple[ImageSet, np.ndarray] | None]:
    """What is to be known, and the source with the images of it that are kept, bool [N], unless all are."""
    sets, holdout = open_sets(config.replace("data", per_class=0), shared), 0.0
    if sets.test is None:
        holdout = holdout_test
        if not holdout:
            raise InputError("There are no test images: give --test, or a --holdout_test above 0")
        sets = open_sets(config.replace("data", per_class=0, holdout_test=holdout), shared)
    if config.data.per_class:
        few_of_each(sets.target, config.data.per_class, config.training.seed)  # said now rather than by every run
    check_sets(config, sets)
    told, rest = [], None
    if sets.source is not None and config.data.audit:
        audit = audit_of(sets, shared)
        told = warnings(sets.source, audit, shared, config.data.exclude_leaks)
        if config.data.exclude_leaks and audit.leaks:
            leaks = {leak.source_row for leak in audit.leaks}
            rest = sets.source, np.array([row not in leaks for row in range(len(sets.source))])
    counts = sets.target.class_counts
    roles = {"target": sets.target, "source": sets.source, **sets.scored()}
    content = {
        "validation": sets.validation is not None,
        "holdout": holdout,
        "smallest": int(counts.min()),
        "smallest_name": sets.target.class_names[int(counts.argmin())],
        "images": {role: len(images) for role, images in roles.items() if images is not None},
        "fingerprints": {role: images.fingerprint for role, images in roles.items() if images is not None},
        "source_rows": "",
        "warnings": told,
    }
    return content, rest


def make_table(config: RunConfig, job: dict[str, Any]) -> None:
    """Makes the neighbor table (or the importances of classes) "table" in "shared"."""
    workdir = run_workdir(job["folder"], job["shared"], job["table"])
    with workdir.timed("opening image sets"):
        sets = open_sets(config, workdir)
    (class_importance if config.selection.selector == "class_importance" else neighbor_table)(config, sets, workdir)


def train(config: RunConfig, job: dict[str, Any]) -> None:
    """One run in "folder", as scripts/train.py makes it, but without a SavedModel; "stamp" goes into its result."""
    workdir = run_workdir(job["folder"], job["shared"], job["table"])
    with workdir.locked():
        finished = finished_rounds(workdir.rounds)
        if finished and finished != kept_rounds(workdir.rounds):
            # Trained, not chosen, its weights removed; now it is chosen after all.
            artifacts.remove_directory(workdir.rounds)
        cluster = open_cluster(config.distribution, config.training.batch_size)
        training_program.train(config, workdir, StopRequest(), cluster, job["command"], saved_model=False)
        _link(workdir)
        _write_result(workdir, job["stamp"])


def head(config: RunConfig, job: dict[str, Any]) -> None:
    """The convex head on the frozen trunk, in "folder"."""
    workdir = run_workdir(job["folder"], job["shared"], "")
    with workdir.locked():
        evaluate_head(config, workdir, job["folds"])
        _link(workdir)
        _write_result(workdir, job["stamp"])


def run_workdir(folder: str, shared: str, table: str) -> Workdir:
    """A run's workdir whose image scans and neighbor table lie in the shared folder."""
    workdir, common = Workdir(folder), Path(shared)
    workdir.scans = common / "images"
    if table:
        for name in ("edges", "neighbors", "search", "search_report", "descriptors", "picture", "importance"):
            setattr(workdir, name, common / table / getattr(workdir, name).name)
    return workdir


def _link(workdir: Workdir) -> None:
    """Links to what is shared, so that every other program finds it in the run's folder."""
    for path in (workdir.scans, workdir.edges, workdir.neighbors, workdir.picture, workdir.importance):
        place = workdir.root / path.name
        if path.parent != workdir.root and path.exists() and not place.exists():
            with contextlib.suppress(OSError):  # a file system without links: other programs make their own
                place.symlink_to(os.path.relpath(path, workdir.root))


def _write_result(workdir: Workdir, stamp: str) -> None:
    figures = read_metrics(workdir)
    times = workdir.read_times()
    content: dict[str, Any] = {"made_from": stamp, "seconds": round(sum(times.values()), 3)}
    for key, sets in (("final", figures.final.sets), ("fusion", figures.fusion)):
        content[key] = {
            name: {images: getattr(sets[images], name) for images in sets}
            for name in ("mean_class_accuracy", "top1", "loss")
        }
    artifacts.write_json(workdir.root / RESULT, content)
