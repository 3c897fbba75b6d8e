"""What a run's workdir says about it, read without opening images or networks; what is missing is None or empty."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.report.curves import Curve, training_curves
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training.state import RoundState, finished_rounds, read_round, read_scoring, round_folder
from sjft_tf.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Run:
    """A run as its artifacts tell it.

    Attributes:
        workdir: where it lies.
        recorded: config.json: settings, versions, revision, platform.
        states: of the finished rounds.
        figures: metrics.json of each finished round, by set; empty where it was not evaluated.
        scorings: `training.record.round_record` of each finished round; None where that was not written.
        fused: figures of the fusion of rounds, by set.
        classes: names of target and source classes.
        curves: of the training, by tag.
        neighbors: the table; None without.
        leaks: lines of leaks.csv; None where nothing was audited.
        class_lines: lines of report.csv, weakest class first.
        times: seconds of each stage.
    """

    workdir: Workdir
    recorded: dict[str, Any]
    states: list[RoundState]
    figures: list[dict[str, Any]]
    scorings: list[dict[str, np.ndarray] | None]
    fused: dict[str, Any]
    classes: dict[str, list[str]]
    curves: dict[str, Curve]
    neighbors: NeighborTable | None
    leaks: list[dict[str, str]] | None
    class_lines: list[dict[str, str]]
    times: dict[str, float]

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """Settings by section."""
        return self.recorded["config"]

    @property
    def judge(self) -> str | None:
        """The set whose figures count: test images where there are some, else validation images."""
        last = self.figures[-1] if self.figures else {}
        return next((name for name in ("test", "validation") if name in last), None)

    @property
    def borrows(self) -> bool:
        """Whether source images took part."""
        return self.config["selection"]["selector"] != "none"

    def counts(self, index: int) -> np.ndarray | None:
        """int32 [N_t], K of each target image in round `index`; None where nothing is borrowed."""
        if not self.borrows:
            return None
        # A round's state holds K for the round after it.
        return self.states[index - 1].counts if index else np.full(len(self.states[0].counts), self.states[0].k0)

    @property
    def source_size(self) -> int | None:
        """Images in the source, where the neighbor table says so."""
        size = self.neighbors.made_from.get("source_size") if self.neighbors is not None else None
        return None if size is None else int(size)


def is_run(folder: Path) -> bool:
    """Whether a run lies in this folder."""
    return (folder / "config.json").is_file() and (folder / "rounds").is_dir()


def read_run(folder: Path) -> Run:
    """Reads the artifacts of the run in `folder`.

    Raises:
        InputError: there is no run with a finished round, or a file is damaged.
    """
    workdir = Workdir(folder)
    indices = finished_rounds(workdir.rounds)
    if not is_run(folder) or not indices:
        raise InputError(f"There is no run with a finished round in {folder}. Train one first (scripts/train.py).")
    places = [round_folder(workdir.rounds, index) for index in indices]
    metrics = _json(workdir.metrics)
    return Run(
        workdir=workdir,
        recorded=artifacts.read_json(workdir.config),
        states=[read_round(workdir.rounds, index) for index in indices],
        figures=[_json(place / "metrics.json") for place in places],
        scorings=[read_scoring(workdir.rounds, index) for index in indices],
        fused=metrics.get("fusion of rounds", {}),
        classes=_json(workdir.classes),
        curves=training_curves(workdir.logs),
        neighbors=NeighborTable.load(workdir.neighbors) if workdir.neighbors.is_file() else None,
        leaks=_csv(workdir.leaks_csv),
        class_lines=_csv(workdir.report) or [],
        times=_json(workdir.times),
    )


def _json(path: Path) -> dict[str, Any]:
    return artifacts.read_json(path) if path.is_file() else {}


def _csv(path: Path) -> list[dict[str, str]] | None:
    if not path.is_file():
        return None
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
