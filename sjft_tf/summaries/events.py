"""TensorBoard event files of a run: cut where a run may be taken up again, so that no step is shown twice."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np
import tensorflow as tf

from sjft_tf.errors import InputError

if TYPE_CHECKING:
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

_FILE = re.compile(r"\.round-(\d+)(?:\.step-(\d+))?$")


class RoundSummaries:
    """Writes what TensorBoard shows of one round; every entry at a step of the whole run, not of the round.

    A run that was killed goes on from the last finished round or a later checkpoint, so whatever was written of
    steps after that will be written again. TensorFlow's event writer cannot purge those steps; instead a new file
    begins with every round and at every checkpoint, named `...round-NN.step-SSSSSSSS` after the steps done before
    it, and opening round NN at a step first removes the files of later rounds and those that begin at that step or
    later. Earlier ones stay as they are. A TensorBoard that is already open shows the change after it is reloaded.

    Args:
        logdir: the folder TensorBoard is pointed at; made if absent.
        round_number: which round begins or goes on, 0 or higher.
        step: steps of the run done before what is written now; 0 begins the round's files anew.

    Example:

        with RoundSummaries(workdir / "tensorboard", round_number=2) as summaries:
            summaries.scalars(step, {"borrowed/union_size": 8123})
            model.fit(..., callbacks=[TrainingSummaries(summaries, every=50)])
    """

    def __init__(self, logdir: str | os.PathLike[str], round_number: int, step: int = 0) -> None:
        if round_number < 0:
            raise InputError(f"`round_number` must be 0 or higher. Received: round_number={round_number}")
        folder = Path(logdir)
        if folder.is_symlink():
            # Event files in it are removed; what a link leads to is not ours.
            raise InputError(f"{folder} is a link; remove it to have a folder of event files made there")
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*tfevents*"):
            begins = _FILE.search(path.name)
            if begins and (int(begins[1]), int(begins[2] or step)) >= (round_number, step):
                path.unlink()
        self.logdir = folder
        self.round_number = round_number
        self._writer = self._file_from(step)

    def _file_from(self, step: int) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(
            str(self.logdir), filename_suffix=f".round-{self.round_number:02d}.step-{step:08d}"
        )

    def cut(self, step: int) -> None:
        """What is written from here on, after `step` steps, goes into a file of its own; the one before is on disk."""
        self._writer.close()
        self._writer = self._file_from(step)

    def scalars(self, step: int, values: Mapping[str, SupportsFloat | None]) -> None:
        """Writes numbers by tag, such as `{"loss/target": 0.3}`; None is left out."""
        with self._writer.as_default(step=int(step)):
            for tag, value in values.items():
                if value is not None:
                    tf.summary.scalar(tag, float(value))

    def histogram(self, step: int, tag: str, values: np.ndarray) -> None:
        """Writes how numbers are spread; without any numbers, nothing. What is not finite is left out."""
        values = np.asarray(values)
        values = values[np.isfinite(values)]
        if values.size:
            with self._writer.as_default(step=int(step)):
                tf.summary.histogram(tag, values)

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Writes a card that TensorBoard shows as Markdown."""
        with self._writer.as_default(step=int(step)):
            tf.summary.text(tag, markdown)

    def layout(self, value: Layout) -> None:
        """Writes what the custom-scalars tab shows: a `Layout` of TensorBoard's plugin."""
        from tensorboard.plugins.custom_scalar import summary

        with self._writer.as_default(step=0):
            tf.summary.experimental.write_raw_pb(summary.pb(value).SerializeToString())

    def image(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """Shows a picture, uint8 [H, W, 3]."""
        with self._writer.as_default(step=int(step)):
            tf.summary.image(tag, np.asarray(pixels)[np.newaxis])

    def picture(self, step: int, tag: str, path: str | os.PathLike[str]) -> None:
        """Shows a PNG file, such as a `neighbor_montage`."""
        self.image(step, tag, tf.io.decode_png(tf.io.read_file(os.fspath(path)), channels=3).numpy())

    def flush(self) -> None:
        """Puts everything written so far on disk."""
        self._writer.flush()

    def close(self) -> None:
        """Flushes and closes; nothing can be written after it."""
        self._writer.close()

    def __enter__(self) -> RoundSummaries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
