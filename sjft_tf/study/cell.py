"""A cell of a study: a run's settings at one place of its axes, for several seeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeAlias

from sjft_tf.config import RunConfig, Setting
from sjft_tf.study.runs import KINDS

Value: TypeAlias = str | int | float
"""Where a cell stands on an axis."""

TRUNK_FILE = "trunk.weights.h5"
"""In a run's folder: the trunk that others start from."""


@dataclass(frozen=True)
class Axis:
    """What cells differ in.

    Attributes:
        name: letters, digits and "_".
        title: for tables and charts.
        log: a chart shows it on a logarithmic scale.
    """

    name: str
    title: str
    log: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        name: of its folder; letters, digits and ".", "_", "+", "-".
        title: for tables.
        axes: {axis: value}; an axis that says nothing about this cell is left out.
        changes: {setting: value} over the study's base settings, by the names of the flags.
        by_seed: further ones, of each seed.
        after: the cell whose trunk it starts from, of the same seed; "" for its own `weights`.
        reference: the cell that it is compared with; "" for the study's.
        kind: "train", or one of `FROZEN`, a classifier on the trunk as it starts.
        seeds: its own; empty for the study's.
        description: a sentence.

    Example:
        >>> Cell("half", "Half the rate", {"rate": 0.01}, {"learning_rate": 0.01}).config(RunConfig(), 3).training.seed
        3
    """

    name: str
    title: str
    axes: Mapping[str, Value] = field(default_factory=dict)
    changes: Mapping[str, Setting] = field(default_factory=dict)
    by_seed: Mapping[int, Mapping[str, Setting]] = field(default_factory=dict)
    after: str = ""
    reference: str = ""
    kind: str = "train"
    seeds: tuple[int, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", self.name) or self.kind not in KINDS:
            raise ValueError(f"A cell's name is that of a folder, its kind one of {KINDS}. Received: {self}")

    def config(self, base: RunConfig, seed: int, trunk: str = "") -> RunConfig:
        """The settings of a run of it, not validated.

        Args:
            base: what the cells share.
            seed: of the run.
            trunk: file of the trunk of `after`.
        """
        given = {**self.changes, **self.by_seed.get(seed, {}), "seed": seed}
        return base.with_settings(**given, **({"weights": trunk} if self.after else {}))

    def folder(self, seed: int) -> PurePosixPath:
        """Where a run of it lies, relative to the study's workdir."""
        return PurePosixPath("runs", self.name, f"seed{seed}")
