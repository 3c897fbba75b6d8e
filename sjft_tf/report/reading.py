"""What a run's workdir says about it, read without opening images or networks; what is missing is None or empty."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.csv_files import read_rows
from sjft_tf.errors import InputError
from sjft_tf.evaluation import Metrics, RoundFigures, RunFigures
from sjft_tf.report import schema
from sjft_tf.report.bounds import MOST
from sjft_tf.report.curves import Curve, training_curves
from sjft_tf.report.damage import Damages, core
from sjft_tf.report.links import is_run
from sjft_tf.retrieval import NeighborTable
from sjft_tf.training import (
    RoundState,
    check_round,
    finished_rounds,
    read_round,
    round_folder,
)
from sjft_tf.workdir import RoundFiles, Workdir


@dataclasses.dataclass(frozen=True)
class RecordedRun:
    """A run as its artifacts tell it.

    Attributes:
        workdir: where it lies.
        recorded: config.json: settings, versions, revision, platform.
        states: of the finished rounds.
        rounds: what is told of each finished round.
        figures: those of each finished round by image set; empty where it was not evaluated.
        scorings: `training.record.round_record` of each finished round; None where that was not written.
        summary: metrics.json; None without.
        classes: names of target and source classes.
        curves: of the training, by tag.
        neighbors: the table; None without.
        leaks: lines of leaks.csv; None where nothing was audited.
        class_lines: lines of report.csv, weakest class first.
        times: seconds of each stage.
        damages: what was left out because it is damaged.
        chosen: what --selector=auto took, with its reason; None where the settings name a selector.
    """

    workdir: Workdir
    recorded: dict[str, Any]
    states: list[RoundState]
    rounds: list[RoundFigures]
    figures: list[dict[str, Metrics]]
    scorings: list[dict[str, np.ndarray] | None]
    summary: RunFigures | None
    classes: dict[str, list[str]]
    curves: dict[str, Curve]
    neighbors: NeighborTable | None
    leaks: list[dict[str, str]] | None
    class_lines: list[dict[str, str]]
    times: dict[str, float]
    damages: Damages = dataclasses.field(default_factory=Damages)
    chosen: dict[str, str] | None = None

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """Settings by section."""
        return self.recorded["config"]

    @property
    def judge(self) -> str | None:
        """The set whose figures count: test images where there are some, else validation images."""
        told = self.figures[self.counting] if self.figures else {}
        return next((name for name in ("test", "validation") if name in told), None)

    @property
    def counting(self) -> int:
        """Number, from 0, of the round that is told and exported: the last, unless metrics.json names a better one."""
        named = None if self.summary is None else self.summary.final.round
        return named - 1 if named is not None and 1 <= named <= len(self.rounds) else len(self.rounds) - 1

    @property
    def borrows(self) -> bool:
        """Whether source images took part."""
        return self.selector != "none"

    @property
    def fused(self) -> dict[str, Metrics]:
        """Figures of the fusion of rounds, by set."""
        return {} if self.summary is None else self.summary.fusion

    @property
    def co_tuned(self) -> bool | None:
        """Whether Co-Tuning took part or was left out; None where nobody asked for it, or nothing tells."""
        if any(told.co_tuned for told in self.rounds):
            return True
        return None if self.summary is None else self.summary.co_tuned

    @property
    def selector(self) -> str:
        """The selector that was used; of --selector=auto what it took."""
        given = self.config["selection"]["selector"]
        if given != "auto":
            return given
        if self.chosen is not None:
            return self.chosen["selector"]
        return "all" if self.states[0].k0 else "none"

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


def read_run(folder: Path) -> RecordedRun:
    """Reads the artifacts of the run in `folder`. What is damaged is left out and noted, apart from the core.

    Raises:
        InputError: there is no run with a finished round, or its configuration or states are damaged.
    """
    workdir, damages = Workdir(folder), Damages()
    indices = finished_rounds(workdir.rounds)
    if not is_run(folder) or not indices:
        raise InputError(f"There is no run with a finished round in {folder}. Train one first (scripts/train.py).")
    folders = [round_folder(workdir.rounds, index) for index in indices]
    recorded = core(workdir.config, lambda path: schema.configuration(artifacts.read_json(path)))
    states = [_state(workdir.rounds, index) for index in indices]
    rounds = [_round(state, damages) for state in states]
    count = len(states[0].counts)
    if any(len(state.counts) != count for state in states):
        raise InputError(f"The rounds in {workdir.rounds} are of different target images. Restore them from a copy.")
    nothing: dict[str, Metrics] = {}
    return RecordedRun(
        workdir=workdir,
        recorded=recorded,
        states=states,
        rounds=rounds,
        figures=[damages.read(folder / RoundFiles.METRICS, _figures, nothing) for folder in folders],
        scorings=[
            damages.read(folder / RoundFiles.SCORING, lambda path: _scoring(path, count), None) for folder in folders
        ],
        summary=damages.read(workdir.metrics, _summary, None),
        classes=damages.read(workdir.classes, _classes, {}),
        curves=damages.part("The curves of the training", lambda: training_curves(workdir.logs), {}),
        neighbors=damages.read(workdir.neighbors, lambda path: _neighbors(path, count), None),
        leaks=damages.read(workdir.leaks_csv, lambda path: _table(path, schema.LEAK_COLUMNS), None),
        class_lines=damages.read(
            workdir.report, lambda path: schema.class_lines(_table(path, schema.CLASS_COLUMNS)), []
        ),
        times=damages.read(workdir.times, _times, {}),
        damages=damages,
        chosen=damages.read(workdir.decision, _chosen, None) if _automatic(recorded) else None,
    )


def _state(rounds: Path, index: int) -> RoundState:
    path = round_folder(rounds, index) / RoundFiles.STATE
    state = core(path, lambda _: read_round(rounds, index))
    counts = state.counts
    whole = all(type(value) is int and 0 <= value <= MOST for value in (state.index, state.global_step, state.k0))
    if not whole or counts.ndim != 1 or not counts.size or counts.dtype.kind != "i" or counts.min() < 0:
        raise InputError(f"{path} is damaged: expected numbers of the round and K of each target image. Restore it.")
    return state


def _round(state: RoundState, damages: Damages) -> RoundFigures:
    number, step = state.index + 1, state.global_step
    what, nothing = f"Figures of round {number}", RoundFigures(number, step)
    return damages.part(what, lambda: schema.round_figures(number, step, state.metrics), nothing)


def _figures(path: Path) -> dict[str, Metrics]:
    evaluation = schema.round_evaluation(artifacts.read_json(path))
    for stamped in evaluation.sets.values():
        _of_its_round(path, stamped.made_from.to_json())
    return evaluation.metrics


def _scoring(path: Path, count: int) -> dict[str, np.ndarray] | None:
    arrays, meta = artifacts.load_npz(path)
    _of_its_round(path, meta)
    return schema.scoring_record(arrays, count)


def _of_its_round(path: Path, stamp: artifacts.Stamp) -> None:
    check_round(path.parent.parent, int(path.parent.name), path, stamp.get("weights", ""))


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    outputs.check(path, "")
    return read_rows(path, columns)


def _summary(path: Path) -> RunFigures:
    return schema.run_figures(artifacts.read_json(path))


def _classes(path: Path) -> dict[str, list[str]]:
    by_role = schema.mapping(artifacts.read_json(path), "class names")
    roles = {role: names for role, names in by_role.items() if role != "several_labels"}
    return {role: schema.words(names, f"classes of the {role}") for role, names in roles.items()}


def _automatic(recorded: dict[str, Any]) -> bool:
    return recorded["config"]["selection"]["selector"] == "auto"


def _chosen(path: Path) -> dict[str, str]:
    return artifacts.read_json(path, {"selector": str, "reason": str})


def _times(path: Path) -> dict[str, float]:
    seconds = schema.mapping(artifacts.read_json(path), "times")
    schema.need(None not in seconds.values(), "a number of seconds for each stage")
    return schema.numbers(seconds, seconds, "times")


def _neighbors(path: Path, count: int) -> NeighborTable | None:
    table = NeighborTable.load(path)
    schema.need(len(table.rows) == count and table.rows.min() >= 0, f"neighbors of {count} target images")
    schema.number(schema.mapping(table.made_from, "`made_from`").get("source_size"), "`source_size`", 1)
    return table
