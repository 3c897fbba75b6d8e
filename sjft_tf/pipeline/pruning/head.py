"""How harmful each target image is: the convex head on the run's trunk, cross-fitted or not, and the alternatives."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.influence import (
    Bootstrap,
    Examples,
    Head,
    HeadSolver,
    Scaling,
    SoftmaxObjective,
    at_random,
    by_confident_learning,
    by_loss,
    choose_l2,
    cross_fitted,
    fit_head,
    folds,
    held_out,
    held_out_probabilities,
    in_focus,
    influence,
    influence_matrix,
    least_l2,
    parts,
    parts_with_validation,
)
from sjft_tf.models import trunk_features
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.sharding.featuring import features_elsewhere, looking_for
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

FOLDS = 5
"""Folds for the alternatives, whose probabilities must be of heads that did not train on the image."""
HEAD_TOLERANCE = 1e-8


@dataclass(frozen=True)
class InfluenceScores:
    """What was found out about the target images.

    Attributes:
        rows: int [M], the target rows that were scored; held-out validation images are not.
        scores: float64 [M], positive: harmful; influence on the summed validation loss, or an alternative's score.
        bound: float64 [M], what must be positive for an image to be dropped: scores, or their lower confidence bound.
        better: int64 [M], the class whose label would fit best.
        how: what was done, for the user.
    """

    rows: np.ndarray
    scores: np.ndarray
    bound: np.ndarray
    better: np.ndarray
    how: str


class InfluenceProblem:
    """The target's and the validation set's features, and who trains and judges.

    Rows count through both sets: the target's come first.

    Args:
        config: all settings.
        sets: target and, if there is one, validation set.
        workdir: for the features' temporary file.

    Attributes:
        trunk: the frozen trunk with its starting weights.
        features: float32 [N + M, F].
        labels: int [N + M].
        count: N, target images.
        given: int, rows of the validation set; none without one.
    """

    def __init__(self, config: RunConfig, sets: Sets, workdir: Workdir) -> None:
        self.config, self.settings, self.target = config, config.prune, sets.target
        judged_by = [sets.target, *([sets.validation] if sets.validation is not None else [])]
        self.labels = np.concatenate([images.labels for images in judged_by])
        self.count = len(sets.target)
        self.given = np.arange(self.count, len(self.labels))
        if not self.settings.cross_fit:
            self.train, self.judging  # noqa: B018  refused before features are computed
        keras.utils.set_random_seed(config.training.seed)
        self.trunk = build_run_trunk(config, config.model.weights)
        self.features = trunk_features(
            *(self.trunk, judged_by, network_view(config), workdir.influence, config.training.eval_batch_size),
            features_elsewhere(self.trunk, looking_for(config), workdir),
        )

    @cached_property
    def _split(self) -> np.ndarray:
        if len(self.given):
            return np.zeros(self.count, bool)
        names, seed = self.target.class_names, self.config.training.seed
        return held_out(self.target.labels, names, self.settings.holdout, seed)

    @cached_property
    def train(self) -> np.ndarray:
        """Target rows the head trains on, which are those that are scored."""
        return np.flatnonzero(~self._split)

    @cached_property
    def judging(self) -> np.ndarray:
        """Rows whose loss counts: the validation set, or what was held out; of the focus classes only."""
        rows = self.given if len(self.given) else np.flatnonzero(self._split)
        return rows[in_focus(self.labels[rows], self.target.class_names, self.settings.focus_class)]

    @cached_property
    def scaling(self) -> Scaling:
        """Fitted to the target images."""
        return Scaling.of(self.features, np.arange(self.count))

    def examples(self, rows: np.ndarray) -> Examples:
        """The images of these rows."""
        return Examples(self.features, self.labels, self.scaling, rows)

    def fit(self, rows: np.ndarray, l2: float) -> Head:
        """The head trained on these rows."""
        return fit_head(SoftmaxObjective(self.examples(rows), self.target.num_classes, l2)).check()

    def l2(self, *pairs: tuple[np.ndarray, np.ndarray], judging: bool = True) -> float:
        """--head_l2, or the choice by these (training, validation) rows; `judging`: not below `least_l2`."""
        if self.settings.head_l2:
            return self.settings.head_l2
        chosen = [(self.examples(train), self.examples(validation)) for train, validation in pairs]
        best = choose_l2(chosen, self.target.num_classes)
        least = max(least_l2(train) for train, _ in chosen)
        if not judging or best >= least:
            return best
        log.info("head_l2: %.3g instead, so that leaving out one image is a small step, as influence takes it", least)
        return least

    @cached_property
    def head(self) -> Head:
        """The head trained on `train`."""
        rows = self.given if len(self.given) else np.flatnonzero(self._split)
        return self.fit(self.train, self.l2((self.train, rows)))


def by_head(problem: InfluenceProblem) -> InfluenceScores:
    """Influence on the convex head."""
    settings, head = problem.settings, problem.head
    solver = HeadSolver(head, settings.solver, settings.damping, settings.solve_tolerance or HEAD_TOLERANCE)
    candidates, judges = problem.examples(problem.train), problem.examples(problem.judging)
    result = influence(solver, candidates, judges)
    bound = result.influence
    if settings.drop_confidence:
        bound = Bootstrap(block for _, block in influence_matrix(solver, candidates, judges)).lower(
            settings.drop_confidence
        )
    how = (
        f"convex head (l2 {head.objective.l2:.3g}, gradient norm {head.gradient_norm:.1e}) judged by {len(judges)} "
        f"validation images; {result.solution}"
    )
    return InfluenceScores(problem.train, result.influence, bound, result.better_class, how)


def cross_fit(problem: InfluenceProblem) -> InfluenceScores:
    """Influence by heads that trained neither on the image nor on its judges."""
    settings, target = problem.settings, problem.target
    fold_of = folds(target.labels, target.class_names, settings.cross_fit, problem.config.training.seed)
    everyone = np.concatenate([np.arange(problem.count), problem.given])
    pool = problem.given if len(problem.given) else np.arange(problem.count)
    judges = np.zeros(len(everyone), bool)
    judges[pool] = in_focus(problem.labels[pool], target.class_names, settings.focus_class)
    work = parts_with_validation(fold_of, problem.given) if len(problem.given) else parts(fold_of)
    # Two of the heads tell which strength suits all: there are as many as pairs of folds.
    l2 = problem.l2(*((part.train, part.judged[0][1]) for part in work[:2]))
    tolerance = settings.solve_tolerance or HEAD_TOLERANCE
    by_label = cross_fitted(
        work,
        lambda rows: HeadSolver(problem.fit(rows, l2), settings.solver, settings.damping, tolerance),
        problem.examples,
        judges,
        problem.count,
        target.num_classes,
    )
    scores = by_label[np.arange(problem.count), target.labels]
    how = f"{len(work)} convex heads (l2 {l2:.3g}) of {settings.cross_fit} folds, every solve within {tolerance:.0e}"
    return InfluenceScores(np.arange(problem.count), scores, scores, by_label.argmin(axis=1), how)


def by_alternative(problem: InfluenceProblem) -> InfluenceScores:
    """By loss, confident learning or chance, from heads that did not train on the image."""
    name, target, seed = problem.settings.prune_by, problem.target, problem.config.training.seed
    count = problem.settings.cross_fit or FOLDS
    fold_of = folds(target.labels, target.class_names, count, seed)
    splits = ((np.flatnonzero(fold_of != f), np.flatnonzero(fold_of == f)) for f in range(2))
    l2 = problem.l2(*splits, judging=False)
    p = held_out_probabilities(fold_of, lambda rows: problem.fit(rows, l2), problem.examples, target.num_classes)
    if name == "loss":
        scores = by_loss(p, target.labels)
    elif name == "confident":
        scores = by_confident_learning(p, target.labels)
    else:
        scores = at_random(problem.count, seed)
    if name != "confident" and problem.settings.drop_share == 1.0:
        raise InputError(f"--prune_by={name} ranks, but does not say how many to drop: give --drop_share")
    how = f"ranked by {name}; probabilities of {count} convex heads (l2 {l2:g})"
    return InfluenceScores(np.arange(problem.count), scores, scores, p.argmax(axis=1), how)
