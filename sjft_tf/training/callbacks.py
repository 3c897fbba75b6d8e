"""Keras callbacks of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from sjft_tf import progress
from sjft_tf.config import SelectionConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.models import Scorer
from sjft_tf.selection import Borrowing, Selector, update_counts
from sjft_tf.training.checkpoints.model_files import first_not_finite
from sjft_tf.training.scoring import TargetScores, score_target
from sjft_tf.workdir import RoundFiles

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class MiningState:
    """What a round is begun with.

    Attributes:
        k0: neighbors each target image began with; 0 when nothing is borrowed.
        counts: int32 [N_t], K of each target image.
        hard: bool [N_t], images that the scoring before found wrong or uncertain; None: there was none.
    """

    k0: int
    counts: np.ndarray
    hard: np.ndarray | None = None

    def to_arrays(self) -> Arrays:
        """To be sent to other processes."""
        return {"k0": np.array(self.k0), "counts": self.counts} | ({} if self.hard is None else {"hard": self.hard})

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> MiningState:
        """The inverse of `to_arrays`."""
        return cls(int(arrays["k0"]), arrays["counts"], arrays.get("hard"))


class HardSampleMining(keras.callbacks.Callback):
    """Between two fits: scores the target training images and expands the neighbors of the hard ones.

    When a fit ends it calls, on the device that trained, `score_target` (the entropy of each prediction),
    `update_counts` (K of each image) and `Selector.borrow` (the union of the longer lists).

    Args:
        target: the target training images.
        selector: holds the neighbor table; None scores only (plain fine-tuning).
        scorer: the compiled forward pass; None scores nothing, and nothing grows.
        start: K0, the K of the first fit, and who was hard before it.
        growth: `delta`, the entropy in nats from which a right prediction counts as uncertain; `wrong_growth` and
            `uncertain_growth`, multiples of K0. None (default): the paper's.
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
        scorer: Scorer | None,
        start: MiningState,
        growth: SelectionConfig | None = None,
        once: Callable[[Callable[[], Arrays]], Arrays] = lambda function: function(),
    ) -> None:
        super().__init__()
        self.target, self.selector, self.scorer = target, selector, scorer
        self.k0, self.counts, self.hard = start.k0, np.asarray(start.counts, np.int32), start.hard
        self.growth, self.once = growth or SelectionConfig(), once
        self.borrowing: Borrowing | None = None if selector is None else selector.borrow(self.counts)
        self.scores: TargetScores | None = None

    def on_train_end(self, logs: dict | None = None) -> None:
        rule, scorer = self.growth, self.scorer
        if scorer is None:
            return
        scores = TargetScores(**self.once(lambda: vars(score_target(self.target, scorer, rule.delta))))
        self.scores, self.hard = scores, scores.hard
        if self.selector is not None:
            self.counts = update_counts(
                self.counts, scores, self.k0, self.selector.k_max, rule.wrong_growth, rule.uncertain_growth
            ).numpy()
            self.borrowing = self.selector.borrow(self.counts)

    def last_scores(self) -> TargetScores:
        """`scores`, after a fit.

        Raises:
            RuntimeError: none has ended yet.
        """
        if self.scores is None:
            raise RuntimeError("the target is scored when a fit ends, and none has ended yet")
        return self.scores


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
        folder = self._last_good()
        if folder is None:
            way = f"No state had been written yet: start again with {gentler}, in this --workdir or another."
        else:
            way = (
                f"The last good state is kept in {folder}, but the same command would most likely take it to the same "
                f"end. Start in a new --workdir with {gentler}; with --weights={folder / RoundFiles.MODEL} too, its "
                "trunk begins where that state is."
            )
        return InputError(f"{what} at step {self._step}. {way}")
