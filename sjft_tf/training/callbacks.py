"""Keras callbacks of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from sjft_tf import progress
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.models import Scorer
from sjft_tf.selection import Borrowing, Selector, update_counts
from sjft_tf.training.checkpoints.model_files import WEIGHTS, first_not_finite
from sjft_tf.training.scoring import TargetScores, score_target

Arrays = dict[str, np.ndarray]


class HardSampleMining(keras.callbacks.Callback):
    """Between two fits: scores the target training images and expands the neighbors of the hard ones.

    When a fit ends it calls, on the device that trained, `score_target` (the entropy of each prediction),
    `update_counts` (K of each image) and `Selector.borrow` (the union of the longer lists).

    Args:
        target: the target training images.
        selector: holds the neighbor table; None scores only (plain fine-tuning).
        scorer: the compiled forward pass.
        k0: neighbors each image began with.
        counts: int32 [N_t], K of the first fit.
        hard: bool [N_t], images that the scoring before found wrong or uncertain; None (default): there was none.
        delta: entropy from which a right prediction counts as uncertain, in nats.
        wrong_growth, uncertain_growth: multiples of `k0`.
        once: calls a function and returns its arrays; among several processes in one of them, for all
            (`Cluster.once`).

    Attributes:
        borrowing: what may be drawn in the next fit; None without a selector.
        counts: int32 [N_t] for the next fit.
        scores: the last scoring; None before it.
        hard: bool [N_t], wrong or uncertain in the last scoring; as given before it.
    """

    def __init__(
        self,
        target: ImageSet,
        selector: Selector | None,
        scorer: Scorer,
        k0: int,
        counts: np.ndarray,
        hard: np.ndarray | None = None,
        *,
        delta: float = 0.1,
        wrong_growth: int = 4,
        uncertain_growth: int = 2,
        once: Callable[[Callable[[], Arrays]], Arrays] = lambda function: function(),
    ) -> None:
        super().__init__()
        self.target, self.selector, self.scorer = target, selector, scorer
        self.k0, self.counts, self.hard = k0, np.asarray(counts, np.int32), hard
        self.delta, self.growth, self.once = delta, (wrong_growth, uncertain_growth), once
        self.borrowing: Borrowing | None = None if selector is None else selector.borrow(self.counts)
        self.scores: TargetScores | None = None

    def on_train_end(self, logs: dict | None = None) -> None:
        scores = TargetScores(**self.once(lambda: vars(score_target(self.target, self.scorer, self.delta))))
        self.scores, self.hard = scores, scores.hard
        if self.selector is not None:
            self.counts = update_counts(self.counts, scores, self.k0, self.selector.k_max, *self.growth).numpy()
            self.borrowing = self.selector.borrow(self.counts)


class StepProgress(keras.callbacks.Callback):
    """A progress bar over the steps of one fit, with the running total loss; `done` of them were made before it."""

    def __init__(self, steps: int, description: str, done: int = 0) -> None:
        super().__init__()
        self._steps, self._description, self._before, self._done = steps, description, done, 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._done, self._bar = 0, progress.bar(self._steps, self._description, unit=" steps")
        if self._before:
            self._bar.update(self._before)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # With several steps per execution Keras calls once for all of them, with the last one's number.
        self._bar.update(batch + 1 - self._done)
        self._done = batch + 1
        if logs and "loss" in logs:
            self._bar.set_postfix(loss=f"{float(logs['loss']):.3f}", refresh=False)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._bar.close()


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Ends the run with a clear error as soon as the loss, or at a checkpoint a weight, is NaN or infinite.

    It stands first in the list, so that nothing is written of such a state.

    Args:
        first_step: steps done before the fit.
        last_good: names the folder of the newest state that was written; None where there is none yet.
    """

    def __init__(self, first_step: int = 0, last_good: Callable[[], Path | None] = lambda: None) -> None:
        super().__init__()
        self._first, self._last_good, self._step = first_step, last_good, first_step

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._step = self._first + batch + 1
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(float(loss)):
            raise self._diverged(f"The loss became {float(loss)}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.check_weights()

    def check_weights(self) -> None:
        """Raises InputError if a weight, or a number of the optimizer, is not finite: the last update may do that."""
        if (name := first_not_finite(self.model)) is not None:
            raise self._diverged(f"{name} is no longer finite")

    def _diverged(self, what: str) -> InputError:
        gentler = "a lower --learning_rate or more --warmup_steps"
        place = self._last_good()
        if place is None:
            way = f"No state had been written yet: start again with {gentler}, in this --workdir or another."
        else:
            way = (
                f"The last good state is kept in {place}, but the same command would most likely take it to the same "
                f"end. Start in a new --workdir with {gentler}; with --weights={place / WEIGHTS} too, its trunk "
                "begins where that state is."
            )
        return InputError(f"{what} at step {self._step}. {way}")
