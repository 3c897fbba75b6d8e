"""The arm without training of the trunk: a convex softmax head on its features, its L2 chosen on validation images."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import RunConfig
from sjft_tf.evaluation import (
    FinalFigures,
    RunFigures,
    class_report,
    evaluate_probabilities,
    save_predictions,
    save_report,
)
from sjft_tf.images import ImageSet, fold
from sjft_tf.influence import Examples, Scaling, SoftmaxObjective, choose_l2, fit_head
from sjft_tf.models import balanced_weights, trunk_features
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.sharding.featuring import features_elsewhere, looking_for
from sjft_tf.pipeline.sharding.scanning import open_sets
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir


def evaluate_head(config: RunConfig, workdir: Workdir, folds: int = 0) -> None:
    """Fits the head on the target's features and scores validation and test images.

    Writes metrics.json (in the form of a run's, with the L2), predictions.csv and report.csv.

    Args:
        config: all settings; the trunk starts as `--weights` says and stays so.
        workdir: where to.
        folds: without validation images, L2 is chosen by so many folds of the training images.
    """
    with workdir.timed("opening image sets"):
        sets = open_sets(config, workdir)
    workdir.write_config(config)
    artifacts.write_json(workdir.classes, {"target": sets.target.class_names, "source": ()})
    with workdir.timed("features"):
        keras.utils.set_random_seed(config.training.seed)
        trunk = build_run_trunk(config, config.model.weights)
        opened = [sets.target, *sets.scored().values()]
        features = trunk_features(
            *(trunk, opened, network_view(config), workdir.root, config.training.eval_batch_size),
            features_elsewhere(trunk, looking_for(config), workdir),
        )
    with workdir.timed("training and scoring"):
        _fit_and_score(config, sets, workdir, features, folds)


def _fit_and_score(config: RunConfig, sets: Sets, workdir: Workdir, features: np.ndarray, folds: int) -> None:
    opened = {"training": sets.target, **sets.scored()}
    labels = np.concatenate([images.labels for images in opened.values()])
    ends = np.cumsum([0, *map(len, opened.values())])
    rows = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(opened)}
    scaling, classes = Scaling.of(features, rows["training"]), sets.target.num_classes

    def examples(chosen: np.ndarray) -> Examples:
        return Examples(features, labels, scaling, chosen)

    pairs = [(rows["training"], rows["validation"])] if "validation" in rows else _folds(sets, config, folds)
    weights = balanced_weights(sets.target.labels, classes) if config.training.balances_classes else np.ones(classes)
    l2 = config.prune.head_l2 or choose_l2([(examples(a), examples(b)) for a, b in pairs], classes, weights)
    own = weights[sets.target.labels]
    head = fit_head(SoftmaxObjective(examples(rows["training"]), classes, l2, own)).check()
    write_figures(config, sets, workdir, lambda name: head.probabilities(examples(rows[name])).astype(np.float32), l2)


def write_figures(
    config: RunConfig, sets: Sets, workdir: Workdir, answer: Callable[[str], np.ndarray], l2: float | None = None
) -> None:
    """Writes what a run of a classifier on a frozen trunk leaves: metrics.json, predictions.csv and report.csv.

    Args:
        config: of the run.
        sets: of which validation and test images are scored.
        workdir: where to.
        answer: the name of a scored set to probabilities of its images, float32 [N, C].
        l2: the head's penalty, if it has one.
    """
    scored = {}
    for name, images in sets.scored().items():
        p = answer(name)
        scored[name] = evaluate_probabilities(p, images.labels, images.class_names)
        save_report(workdir.report, class_report(p, images.labels, images.class_names))
        if name == "test":
            every = config.evaluation.all_probabilities
            save_predictions(workdir.predictions, images.ids, images.class_names, p, images.labels, every)
    outputs.record(workdir.report, workdir.predictions)
    figures = RunFigures("center", FinalFigures(scored, head_l2=l2))
    artifacts.write_json(workdir.metrics, figures.to_json())


def _folds(sets: Sets, config: RunConfig, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    row_of = {name: row for row, name in enumerate(sets.target.ids.tolist())}

    def rows(part: ImageSet) -> np.ndarray:
        return np.array([row_of[name] for name in part.ids.tolist()])

    pairs = [fold(sets.target, number, count, config.training.seed) for number in range(1, count + 1)]
    return [(rows(learned), rows(judging)) for learned, judging in pairs]
