"""One run of an arm: what distinguishes it from the others, and the folder it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from sjft_tf.comparison.choice import Point


@dataclass(frozen=True)
class Trial:
    """An arm with settings, a seed, and the part of the training images that it is judged by.

    Attributes:
        arm: its name.
        point: rate and source weight; None for arms without training.
        seed: of weights, batches and few-shot draws.
        fold: (number from 1, count) where training images are the judges; None for the run itself.
    """

    arm: str
    point: Point | None
    seed: int
    fold: tuple[int, int] | None = None

    @property
    def folder(self) -> PurePosixPath:
        """Where it lies, relative to the comparison's workdir."""
        name = f"seed{self.seed}" + (f"-fold{self.fold[0]}of{self.fold[1]}" if self.fold else "")
        folder = PurePosixPath("runs", self.arm)
        if self.point is not None:
            weight = self.point.source_weight
            folder /= f"rate{self.point.learning_rate:g}" + ("" if weight is None else f"-source{weight:g}")
        return folder / name

    def __str__(self) -> str:
        return str(self.folder.relative_to("runs"))
