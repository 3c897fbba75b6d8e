"""A profiler trace of some training steps, where TensorBoard's profile plugin finds it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.compat import KERAS_3

log = logging.getLogger(__name__)
_FOLDER = Path("plugins") / "profile"


class StepProfiler(keras.callbacks.Callback):
    """Traces the steps `steps` of the run, if they begin in this fit.

    With several steps an execution, whole executions are traced: from the one that holds the first step to the one
    that holds the last. A trace ends at the latest with its fit. It is written beside its place and moved there
    when it is complete: `LOGDIR/plugins/profile/TIME/`.

    Args:
        logdir: the folder TensorBoard is pointed at.
        steps: steps of the run, from 0.
        first_step: the step of the run this fit begins with.
    """

    def __init__(self, logdir: str | os.PathLike[str], steps: range, first_step: int = 0) -> None:
        super().__init__()
        # Keras 2.15 would otherwise copy the logs off the device after every batch.
        self._supports_tf_logs = True
        self._logdir, self._steps, self._first = Path(logdir), steps, first_step
        self._folder: Path | None = None
        self._waits = False  # for the first step
        self._last, self._size = -1, 1

    def on_train_begin(self, logs: Mapping[str, object] | None = None) -> None:
        self._last = self._first - 1  # the last step that is done
        # A number in Keras 3; in Keras 2.15 a variable under a name of its own, mirrored with several devices.
        size = getattr(self.model, "steps_per_execution" if KERAS_3 else "_steps_per_execution", None)
        self._size = 1 if size is None else int(size.numpy() if tf.is_tensor(size) else size)
        self._waits = bool(self._steps) and self._first <= self._steps.start

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, object] | None = None) -> None:
        if self._waits and self._last + self._size >= self._steps.start:
            self._waits = False
            self._logdir.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".profile.", suffix=".sjft-tmp", dir=self._logdir))
            tf.profiler.experimental.start(str(self._folder))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, object] | None = None) -> None:
        self._last = self._first + batch
        if self._folder is not None and self._last >= self._steps.stop - 1:
            # The device may still be at work on what Python has handed it.
            for value in (logs or {}).values():
                np.asarray(value)
            self._finish(self._folder)

    def on_train_end(self, logs: Mapping[str, object] | None = None) -> None:
        if self._folder is not None:
            self._finish(self._folder)

    def close(self) -> None:
        """Ends a trace that is still going on because the fit broke off, and drops it."""
        if self._folder is not None:
            tf.profiler.experimental.stop(save=False)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _finish(self, folder: Path) -> None:
        self._folder = None
        try:
            tf.profiler.experimental.stop()
            for trace in sorted((folder / _FOLDER).iterdir()):
                final = self._logdir / _FOLDER / trace.name
                final.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(final, ignore_errors=True)
                trace.rename(final)
                log.info("profiler trace of steps %d to %d: %s", self._steps.start, self._last, final)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
