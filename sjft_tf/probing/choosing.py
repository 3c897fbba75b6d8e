"""Strength and power of a linear classifier, chosen on images that it has not learned from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.models import temperature
from sjft_tf.probing.linear import fit_probes

_STEP, _FURTHER = 10.0, 2


class Split(NamedTuple):
    """Which images are learned from, and which judge: int [n] and int [m], rows of features."""

    learned: np.ndarray
    judged: np.ndarray


class Choice(NamedTuple):
    """What was chosen, and by what.

    Attributes:
        strength: C.
        power: p.
        accuracy: mean class accuracy on the held-out images.
        temperature: what fits the held-out scores best; 1 for a logistic regression, which has probabilities already.
        tried: (p, C, accuracy) of all that was tried, in order.
    """

    strength: float
    power: float
    accuracy: float
    temperature: float
    tried: tuple[tuple[float, float, float], ...]


def folds_of(labels: np.ndarray, count: int, seed: int) -> list[Split]:
    """Stratified folds of images; all views of an image are in one, because folds are of images.

    Args:
        labels: int [N].
        count: folds at most; fewer where a class has fewer images.
        seed: of the draw.

    Raises:
        InputError: a class with a single image.
    """
    from sklearn.model_selection import StratifiedKFold  # not for --help

    smallest = int(np.unique(labels, return_counts=True)[1].min())
    if smallest < 2:
        raise InputError(
            "Without validation images, strength is chosen by folds, which takes two training images of each class, "
            "and a class has one. Give --validation, or more images"
        )
    dealt = StratifiedKFold(min(count, smallest), shuffle=True, random_state=seed)
    return [Split(learned, judged) for learned, judged in dealt.split(labels, labels)]


@dataclass
class Search:
    """What is searched among.

    Attributes:
        kind: "svm" or "logistic".
        num_classes: C.
        strengths: C to begin with, ascending; where the best is the first or the last, up to two more beyond it.
        powers: p. The first one is tried with all strengths, the others with the best of these.
        dropout: of features, see `fit_probes`.
        seed: of dropout.
        balanced: see `fit_probes`.
    """

    kind: str
    num_classes: int
    strengths: Sequence[float]
    powers: Sequence[float] = (1.0,)
    dropout: float = 0.0
    seed: int = 0
    balanced: bool = False
    _found: dict[tuple[float, float], tuple[float, np.ndarray]] = field(default_factory=dict, init=False)


def choose_probe(search: Search, features: np.ndarray, labels: np.ndarray, splits: Sequence[Split]) -> Choice:
    """The strength and power of the highest mean class accuracy on held-out images; of equals the weakest, first power.

    Args:
        search: what is tried.
        features: float32 [N, V, F], of training images and those that judge.
        labels: int [N].
        splits: a split into training and validation images, or folds, whose judgements are taken together.
    """
    judged = np.concatenate([split.judged for split in splits])

    def accuracy(power: float, strength: float) -> float:
        return search._found[power, strength][0]

    def tried(power: float, strengths: Sequence[float]) -> None:
        of_splits = [list(_held_out(search, features, labels, split, power, strengths)) for split in splits]
        for number, strength in enumerate(strengths):
            scores = np.concatenate([of_split[number] for of_split in of_splits])
            search._found[power, strength] = _mean_class_accuracy(scores, labels[judged]), scores

    first = search.powers[0]
    grid = sorted(search.strengths)
    tried(first, grid)
    for _ in range(_FURTHER):
        best = max(grid, key=lambda strength: (accuracy(first, strength), -strength))
        beyond = grid[0] / _STEP if best == grid[0] else grid[-1] * _STEP if best == grid[-1] else None
        if beyond is None:
            break
        tried(first, [beyond])
        grid = sorted([*grid, beyond])
    strength = max(grid, key=lambda one: (accuracy(first, one), -one))
    for power in search.powers[1:]:
        tried(power, [strength])
    power = max(search.powers, key=lambda one: accuracy(one, strength))
    reached, scores = search._found[power, strength]
    hot = temperature(scores, labels[judged]) if search.kind == "svm" else 1.0
    every = tuple((p, c, figure) for (p, c), (figure, _) in search._found.items())
    return Choice(strength, power, reached, hot, every)


def _held_out(
    search: Search, features: np.ndarray, labels: np.ndarray, split: Split, power: float, strengths: Sequence[float]
) -> Iterator[np.ndarray]:
    """Scores float64 [m, C] of the images that judge, for each strength."""
    own = features[split.learned], labels[split.learned], search.num_classes
    more = search.dropout, search.seed, search.balanced
    for probe in fit_probes(search.kind, *own, strengths, power, *more):
        yield probe.scores(features[split.judged])


def _mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    right = scores.argmax(axis=1) == labels
    return math.fsum(float(right[labels == label].mean()) for label in np.unique(labels)) / len(np.unique(labels))
