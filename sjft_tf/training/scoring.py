"""How well the target images are known: what a round of training ends with (paper section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from sjft_tf.images import ImageSet
from sjft_tf.models import Scorer
from sjft_tf.selection import hardness


class ScoringMetrics(TypedDict):
    """The numbers that a round records of a scoring: share of right answers, how many images are hard, mean nats."""

    train_top1: float
    wrong: int
    uncertain: int
    mean_entropy: float


@dataclass(frozen=True)
class TargetScores:
    """The predictions on the N target training images, judged.

    Attributes:
        entropy: float32 [N], nats; of images with several labels bits a class.
        predicted: int32 [N], the most probable classes.
        wrong: bool [N], the predicted class is not the label, or one of several labels is not met.
        uncertain: bool [N], predicted rightly, but with an entropy of at least delta.
    """

    entropy: np.ndarray
    predicted: np.ndarray
    wrong: np.ndarray
    uncertain: np.ndarray

    @property
    def hard(self) -> np.ndarray:
        """bool [N]: wrong or uncertain."""
        return self.wrong | self.uncertain

    def summary(self) -> ScoringMetrics:
        """The numbers that a round records."""
        return {
            "train_top1": float(1 - self.wrong.mean()),
            "wrong": int(self.wrong.sum()),
            "uncertain": int(self.uncertain.sum()),
            "mean_entropy": float(self.entropy.mean()),
        }


def score_target(target: ImageSet, scorer: Scorer, delta: float = 0.1) -> TargetScores:
    """Looks at the target images as they are tested, on the device that trained.

    Args:
        target: the N target training images.
        scorer: the compiled forward pass.
        delta: entropy in nats from which a right prediction counts as uncertain (paper: 0.1).
    """
    probabilities = scorer(target, description="Scoring the target")
    judged = {name: value.numpy() for name, value in hardness(probabilities, target.truth, delta)._asdict().items()}
    return TargetScores(**judged, predicted=probabilities.argmax(axis=-1).astype(np.int32))
