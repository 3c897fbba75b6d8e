"""What is done to the weights between the last step of a fit and their scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import keras
import tensorflow as tf

from sjft_tf.models import recompute_statistics

Batch = tuple[tf.Tensor, Mapping[str, tf.Tensor]]
"""Images and, of each head, labels."""


class FinishWeights(keras.callbacks.Callback):
    """Puts the moving average of the weights in place, if one is kept, and makes moving statistics anew, if asked to.

    It stands before `HardSampleMining` in the list, so that what is scored is what is kept. When the next fit begins
    the trained weights are put back; the statistics of batch normalization take no part in training.

    Args:
        batches: gives batches as in training for `recompute_statistics`; None leaves the statistics alone.
    """

    def __init__(self, batches: Callable[[], Iterable[Batch]] | None = None) -> None:
        super().__init__()
        self._batches = batches

    def on_train_begin(self, logs: dict | None = None) -> None:
        if (average := self.model.rules.average) is not None:
            average.use(False)

    def on_train_end(self, logs: dict | None = None) -> None:
        if (average := self.model.rules.average) is not None:
            average.use(True)
        if self._batches is not None:
            recompute_statistics(self.model, self._batches())


def micro_batches(batches: tf.data.Dataset, accumulate: int) -> tf.data.Dataset:
    """Batches of a step taken apart into its micro-batches."""
    return batches if accumulate == 1 else batches.unbatch()
