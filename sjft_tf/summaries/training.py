"""The Keras callback that puts a fit's losses, accuracies, learning rate and speed on TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Mapping

import keras
import numpy as np

from sjft_tf.errors import InputError
from sjft_tf.summaries.events import RoundSummaries

HEADS = ("target", "source")


class TrainingSummaries(keras.callbacks.Callback):
    """Writes training figures every so many batches, at the optimizer's step.

    The losses and accuracies are Keras' running means since the epoch began, as its progress bar shows them:
    smooth, and a little behind. The step is `optimizer.iterations`, so a model whose optimizer goes on through
    the rounds writes one continuous curve. Also writes once when the fit ends, however short it was.

    Tags: `loss/total`, `loss/target`, `loss/source`, `accuracy/target`, `accuracy/source`, `learning_rate`,
    `training/NAME` for whatever else the training step logs (such as a gradient norm), and
    `speed/images_per_second` (since the last entry, waiting for data included; the first batch of a fit, in which
    everything is traced, does not count).

    Args:
        summaries: where to write; stays open.
        every: batches between two entries, at least 1.
        images_per_batch: images in a batch of both domains, for the speed; None leaves the speed out.
    """

    def __init__(self, summaries: RoundSummaries, every: int = 50, images_per_batch: int | None = None) -> None:
        super().__init__()
        if every < 1:
            raise InputError(f"`every` must be at least 1. Received: every={every}")
        # Keras 2.15 would otherwise copy the logs off the device after every batch, written or not.
        self._supports_tf_logs = True
        self._summaries, self._every, self._images = summaries, every, images_per_batch
        self._logs: Mapping[str, object] = {}
        self._pending, self._last_batch = 0, -1
        self._since: float | None = None
        self._timed = 0  # batches since that moment

    def on_train_begin(self, logs: Mapping[str, object] | None = None) -> None:
        self._logs, self._pending, self._since = {}, 0, None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, object] | None = None) -> None:
        self._last_batch = -1

    def on_train_batch_end(self, batch: int, logs: Mapping[str, object] | None = None) -> None:
        # With steps_per_execution above 1, Keras calls only after the last batch of each bunch.
        done = batch - self._last_batch
        self._pending += done
        self._last_batch, self._logs = batch, logs or {}
        if self._since is None:
            self._timed, self._since = 0, time.perf_counter()
        else:
            self._timed += done
        if self._pending >= self._every:
            self._write()

    def on_train_end(self, logs: Mapping[str, object] | None = None) -> None:
        if self._pending:
            self._write()
        self._summaries.flush()

    def _write(self) -> None:
        values = scalars_from_logs(self._logs)  # waits for the device; the clock is read after it
        now = time.perf_counter()
        optimizer = self.model.optimizer
        step = int(optimizer.iterations.numpy())
        values["learning_rate"] = _learning_rate(optimizer, step)
        if self._images and self._timed and self._since is not None:
            values["speed/images_per_second"] = self._timed * self._images / max(now - self._since, 1e-9)
        self._summaries.scalars(step, values)
        self._pending, self._timed, self._since = 0, 0, now


def scalars_from_logs(logs: Mapping[str, object]) -> dict[str, float | None]:
    """Puts Keras' log names in order: `{"loss/total": ..., "loss/target": ..., "accuracy/target": ..., ...}`.

    Keras 3 names an entry after the output's key (`target_loss`), Keras 2.15 after the output's layer, whatever
    that is called (`target_logits_loss`), and neither names a head if there is only one. An accuracy is any
    metric with "acc" or "top" in its name; of several for a head, the first counts. What is none of these becomes
    `training/NAME`.
    """
    scalars: dict[str, float | None] = {"loss/total": _number(logs.get("loss"))}
    known = {"loss"}
    if (taught := logs.get("co_tuning_loss")) is not None:
        # A term of its own, of no head.
        scalars["loss/co_tuning"] = _number(taught)
        logs = {name: value for name, value in logs.items() if name != "co_tuning_loss"}
    alone = not any(name.startswith("source") for name in logs)
    for head in HEADS:
        own = {name[len(head) :]: name for name in logs if name.startswith(f"{head}_")}
        if head == "target" and alone:
            own = {f"_{name}": name for name in logs if not name.startswith("target_")} | own
        losses = [name for short, name in own.items() if short.endswith("_loss")]
        accuracies = [name for short, name in own.items() if "_acc" in short or "_top" in short or "accuracy" in short]
        for tag, names in ((f"loss/{head}", losses[-1:]), (f"accuracy/{head}", accuracies[:1])):
            for name in names:
                scalars[tag] = _number(logs[name])
                known.add(name)
    return scalars | {f"training/{name}": _number(value) for name, value in logs.items() if name not in known}


def _number(value: object) -> float | None:
    # A variable on several devices is no array, but has one.
    return None if value is None else float(np.asarray(value.numpy() if hasattr(value, "numpy") else value))


def _learning_rate(optimizer: keras.optimizers.Optimizer, step: int) -> float | None:
    """The rate of the step just taken; None where an optimizer has no single one (one rate a layer)."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # Keras 3's `learning_rate` is already the next step's, Keras 2.15's still the last one's; the schedule says.
    schedule = getattr(optimizer, "_learning_rate", None)
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return _number(schedule(max(step - 1, 0)))
    return _number(getattr(optimizer, "learning_rate", None))
