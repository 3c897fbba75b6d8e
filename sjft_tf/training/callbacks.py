"""Keras callbacks of the training loop."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf import progress
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.models import Scorer
from sjft_tf.selection import Borrowing, Hardness, Selector, hardness, update_counts


class HardSampleMining(keras.callbacks.Callback):
    """Between two fits: scores the target training images and expands the neighbors of the hard ones.

    Runs when a fit ends, on the device that trained: a forward pass over the target images as they are tested,
    the entropy of each prediction, the update of K, and the union of the longer lists.

    Args:
        target: the target training images.
        selector: holds the neighbor table; None scores only (plain fine-tuning).
        scorer: the compiled forward pass.
        k0: neighbors each image began with.
        counts: int32 [N_t], K of the first fit.
        delta: entropy from which a right prediction counts as uncertain, in nats.
        wrong_growth, uncertain_growth: multiples of `k0`.

    Attributes:
        borrowing: what may be drawn in the next fit; None without a selector.
        counts: int32 [N_t] for the next fit.
        found: numbers of the last scoring, for reports.
        entropy: float32 [N_t] of the last scoring, nats; None before it.
        wrong: bool [N_t] of the last scoring; None before it.
        predicted: int32 [N_t], the most probable classes of the last scoring; None before it.
    """

    def __init__(
        self,
        target: ImageSet,
        selector: Selector | None,
        scorer: Scorer,
        k0: int,
        counts: np.ndarray,
        *,
        delta: float = 0.1,
        wrong_growth: int = 4,
        uncertain_growth: int = 2,
    ) -> None:
        super().__init__()
        self.target, self.selector, self.scorer = target, selector, scorer
        self.k0, self.counts = k0, np.asarray(counts, np.int32)
        self.delta, self.wrong_growth, self.uncertain_growth = delta, wrong_growth, uncertain_growth
        self.borrowing: Borrowing | None = None if selector is None else selector.borrow(self.counts)
        self.found: dict[str, Any] = {}
        self.entropy: np.ndarray | None = None
        self.wrong: np.ndarray | None = None
        self.predicted: np.ndarray | None = None

    def on_train_end(self, logs: dict | None = None) -> None:
        probabilities = self.scorer(self.target, description="Scoring the target")
        found = hardness(probabilities, self.target.labels, self.delta)
        self._report(found, probabilities)
        if self.selector is None:
            return
        counts = update_counts(
            self.counts, found, self.k0, self.selector.k_max, self.wrong_growth, self.uncertain_growth
        )
        self.counts = counts.numpy()
        self.borrowing = self.selector.borrow(self.counts)

    def _report(self, found: Hardness, probabilities: np.ndarray) -> None:
        self.entropy, self.wrong = found.entropy.numpy(), found.wrong.numpy()
        self.predicted = probabilities.argmax(axis=-1).astype(np.int32)
        self.found = {
            "train_top1": float(1 - self.wrong.mean()),
            "wrong": int(self.wrong.sum()),
            "uncertain": int(tf.reduce_sum(tf.cast(found.uncertain, tf.int32))),
            "mean_entropy": float(self.entropy.mean()),
        }


class StepProgress(keras.callbacks.Callback):
    """A progress bar over the steps of one fit, with the running total loss."""

    def __init__(self, steps: int, description: str) -> None:
        super().__init__()
        self._steps, self._description, self._done = steps, description, 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._done, self._bar = 0, progress.bar(self._steps, self._description, unit=" steps")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # With several steps per execution Keras calls once for all of them, with the last one's number.
        self._bar.update(batch + 1 - self._done)
        self._done = batch + 1
        if logs and "loss" in logs:
            self._bar.set_postfix(loss=f"{float(logs['loss']):.3f}", refresh=False)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._bar.close()


class StopOnNonFiniteLoss(keras.callbacks.Callback):
    """Ends the run with a clear error as soon as the loss is NaN or infinite; the last finished round stays."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(float(loss)):
            raise InputError(
                f"The loss became {float(loss)} at step {int(self.model.optimizer.iterations)}. "
                "Finished rounds are kept. Lower --learning_rate (or raise --warmup_steps) and use another --workdir."
            )
