"""Checkpoints within a round: `checkpoints/step-00000123/` holds what it takes to go on after that step, bit for bit.

What a round begins with (K of every target image) is in the folder of the round before it, and batches are a pure
function of the step, so that a checkpoint is the model and the running means of Keras' metrics.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.models import Variable
from sjft_tf.schema import Schema
from sjft_tf.training.checkpoints import model_files
from sjft_tf.training.longer import as_long_as
from sjft_tf.workdir import RoundFiles

_SCHEMA = Schema(meta={"made_from": dict, "step": int, "seconds": float, "weights": str, "optimizer": str}, others=True)
_STEP = re.compile(r"step-(\d{8,})")


class DamagedCheckpoint(InputError):
    """A file of a checkpoint is missing or is not what was written."""


@dataclass(frozen=True)
class Resumed:
    """Where an unfinished round goes on.

    Attributes:
        step: training steps done since the run began.
        metrics: values of the model's metric variables, in order.
        seconds: time the round has taken so far.
    """

    step: int
    metrics: list[np.ndarray]
    seconds: float


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are written, one sub-folder each; made when the first one is.
        keep: how many of the newest stay, at least 1.
        made_from: what the run was made from; a checkpoint made from something else is refused.
    """

    def __init__(self, folder: Path, keep: int, made_from: artifacts.Stamp) -> None:
        self.folder, self.keep, self.made_from = folder, keep, made_from

    def path(self, step: int) -> Path:
        """Folder of the checkpoint after `step` steps."""
        return self.folder / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps of the checkpoints that are there, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _STEP.fullmatch(path.name)))

    def origin_of_newest(self, origin: str) -> tuple[Path, dict[str, Any]] | None:
        """Folder and stamp of the newest checkpoint that can be read, whatever it was made from; None without any.

        Args:
            origin: where to go on from without any checkpoint, for messages.

        Raises:
            DamagedCheckpoint: there are some, and none can be read.
        """
        damage: DamagedCheckpoint | None = None
        for step in reversed(self.steps()):
            try:
                return self.path(step), self._read(step, origin)[1]["made_from"]
            except DamagedCheckpoint as error:
                damage = damage or error
        if damage is not None:
            raise damage
        return None

    def save(self, step: int, model: keras.Model, seconds: float = 0.0) -> Path:
        """Writes a checkpoint of a model in the middle of a fit, and removes those that are too many."""
        path = self.path(step)
        with artifacts.atomic_directory(path) as temporary:
            meta = {"made_from": self.made_from, "step": step, "seconds": seconds}
            meta |= model_files.save_model(temporary, model)
            values = {f"{i:03d}": np.array(v) for i, v in enumerate(metric_variables(model))}
            artifacts.save_npz(temporary / RoundFiles.STATE, values, meta)
        for old in self.steps()[: -self.keep]:
            artifacts.remove_directory(self.path(old))
        return path

    def resume(self, first: int, end: int, model: keras.Model, origin: str) -> Resumed | None:
        """Puts the newest checkpoint between the steps `first` and `end` (both exclusive) into a compiled model.

        Others are of rounds that are finished, or of rounds after one that was removed: they are removed too.

        Args:
            first: steps done at the beginning of the round that is not finished.
            end: steps done at its end.
            model: has the weights of the round's beginning; they stay where there is no checkpoint.
            origin: where to go on from without any checkpoint, for messages.

        Raises:
            ArtifactMismatch: it was made from other settings or inputs.
            DamagedCheckpoint: says how to go on from the state before it.
        """
        steps = self.steps()
        inside = [step for step in steps if first < step < end]
        if inside:
            step = inside[-1]
            arrays, meta = self._meta(step, origin)
        elif steps:
            with contextlib.suppress(DamagedCheckpoint):
                self._meta(steps[-1], origin)
        for other in set(steps) - set(inside):
            artifacts.remove_directory(self.path(other))
        if not inside:
            return None
        try:
            model_files.load_model(self.path(step), meta, model)
        except InputError as error:
            raise self._damaged(step, origin, error) from error
        return Resumed(step, [arrays[name] for name in sorted(arrays)], meta["seconds"])

    def clear(self) -> None:
        """Removes all of them: the round they are of is written."""
        artifacts.remove_directory(self.folder)

    def _meta(self, step: int, origin: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, meta = self._read(step, origin)
        artifacts.check_made_from(self.path(step), as_long_as(meta["made_from"], self.made_from), self.made_from)
        return arrays, meta

    def _read(self, step: int, origin: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        try:
            return artifacts.load_npz(self.path(step) / RoundFiles.STATE, _SCHEMA, remedy="")
        except (InputError, FileNotFoundError, KeyError) as error:
            raise self._damaged(step, origin, error) from error

    def _damaged(self, step: int, origin: str, error: Exception) -> DamagedCheckpoint:
        for before in reversed([other for other in self.steps() if other < step]):
            try:
                _, meta = artifacts.load_npz(self.path(before) / RoundFiles.STATE, _SCHEMA)
                model_files.check_files(self.path(before), meta)
            except (InputError, FileNotFoundError, KeyError):
                continue
            origin = f"step {before} ({self.path(before)})"
            break
        return DamagedCheckpoint(
            f"The checkpoint {self.path(step)} is damaged ({error}). "
            f"Remove that folder and start the same command again to go on from {origin}."
        )


def metric_variables(model: keras.Model) -> list[Variable]:
    """The variables behind the running means that `fit` reports."""
    return [variable for metric in model.metrics for variable in metric.variables]


def restore_metrics(model: keras.Model, values: list[np.ndarray]) -> None:
    """Sets the metric variables, after Keras has reset them at the beginning of an epoch.

    Raises:
        InputError: number or shapes differ from those of this model's metrics.
    """
    variables = metric_variables(model)
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise InputError(
            f"The checkpoint holds {len(values)} metric values, this model has {len(variables)}. "
            "It is of another version; remove it to go on from the state before it."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
