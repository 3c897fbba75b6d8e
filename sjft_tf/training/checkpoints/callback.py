"""The callback that writes checkpoints within a round, takes one up again, and ends the fit on request."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras

from sjft_tf.training.callbacks import StopOnNonFiniteLoss
from sjft_tf.training.checkpoints.policy import CheckpointPolicy
from sjft_tf.training.checkpoints.steps import Resumed, restore_metrics


class StepCheckpoints(keras.callbacks.Callback):
    """Writes a checkpoint at the first end of an execution that is at least `every` steps after the one before.

    None is written at the end of the round, which is kept as a whole. It stands behind the callbacks that judge
    (`StopOnNonFiniteLoss`) or write (`TrainingSummaries`) a step.

    Args:
        policy: where they are written, how often, and who is told.
        index: number of the round.
        first: steps of the run done before this fit.
        end: steps done at the end of the round.
        guard: is asked whether the weights are finite before they are written.
        resumed: the checkpoint that the fit begins with; its metrics are restored.
        check: called before each; raises if the images are no longer what they were.
    """

    def __init__(
        self,
        policy: CheckpointPolicy,
        index: int,
        first: int,
        end: int,
        guard: StopOnNonFiniteLoss,
        resumed: Resumed | None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        if policy.checkpoints is None:
            raise ValueError("`policy` has no place for checkpoints")
        self._checkpoints, self._policy, self._index = policy.checkpoints, policy, index
        self._first, self._end, self._last = first, end, first
        self._guard, self._resumed, self._check = guard, resumed, check

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._begun = time.perf_counter() - (self._resumed.seconds if self._resumed is not None else 0.0)
        if self._policy.stop is not None:
            self._policy.stop.listen()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        # Keras has just set the running means back; the round's go on from where they were.
        if self._resumed is not None:
            restore_metrics(self.model, self._resumed.metrics)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # With several steps per execution Keras calls once for all of them, with the last one's number.
        step, every = self._first + batch + 1, self._policy.every
        due = self._policy.stopping or (every and step - self._last >= every)
        if step >= self._end or not due:
            return
        self._guard.check_weights()
        self._check()
        self._policy.mark(self._index, step)
        path = self._checkpoints.save(step, self.model, time.perf_counter() - self._begun)
        self._last = step
        self._policy.end_on_request(f"step {step}", path)
