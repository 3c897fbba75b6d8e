"""The arms of a linear SVM on the trunk as it starts: on its last layer, on sixteen views, on the best stage."""

from __future__ import annotations

import dataclasses

from sjft_tf import artifacts
from sjft_tf.config import ProbeConfig, RunConfig
from sjft_tf.pipeline.probing.cells import fitted, probabilities, results
from sjft_tf.pipeline.probing.record import best_of, settings_of
from sjft_tf.pipeline.probing.subject import open_subject
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.pipeline.studying.frozen_head import write_figures
from sjft_tf.workdir import ProbeFiles, Workdir

_TRIED = {
    "svm": ProbeConfig(layers=["trunk"], probe_views="center", powers=["none"]),
    "svm-augmented": ProbeConfig(layers=["trunk"], probe_views="sixteen"),
    "stage-svm": ProbeConfig(probe_views="center", powers=["none"]),
}
"""What each kind of `study.KINDS` tries; the best on held-out images counts."""


def evaluate_svm(config: RunConfig, workdir: Workdir, kind: str, folds: int = 0) -> None:
    """Fits the classifier on the target's features and scores validation and test images.

    Writes metrics.json (in the form of a run's), predictions.csv and report.csv. What is finished of the choice is
    found again by a run that was broken off.

    Args:
        config: all settings; the trunk starts as `--weights` says and stays so.
        workdir: where to.
        kind: a key of `_TRIED`.
        folds: without validation images, the choice is made by so many folds of the training images.
    """
    with workdir.timed("opening image sets"):
        sets = open_sets(config, workdir)
    workdir.write_config(config)
    artifacts.write_json(workdir.classes, {"target": sets.target.class_names, "source": ()})
    # The sets are those of one seed already.
    seed = [str(config.training.seed)]
    tried = dataclasses.replace(_TRIED[kind], classifiers=["svm"], seeds=seed, choice_folds=max(2, folds))
    drawn = config.replace("data", per_class=0)
    subject = open_subject(drawn, tried, sets, workdir)
    with workdir.timed("training and scoring"):
        best = best_of(settings_of([result for result, _ in results(subject, workdir)])).results[0]
        classifier = fitted(subject, best)
        write_figures(config, sets, workdir, lambda name: probabilities(subject, name, best.cell, classifier))
    for name in (ProbeFiles.FEATURES, ProbeFiles.CELLS):  # which are large, and in the way of nothing but a disk
        artifacts.remove_directory(workdir.root / name)
