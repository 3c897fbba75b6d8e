"""What the benchmarks share: things timed in turn, ratios taken repeat by repeat, and the figures handed over.

The machine may be busy with something else at any time. Then the ratio of processor times tells more than that of the
clock, as long as both sides keep the same cores busy.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from comparing import Figure

_handed_to: Path | None = None


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of a benchmark; with `--json` its figures go to a file too, one JSON object a line."""
    global _handed_to
    parser.add_argument("--json", type=Path, help="write the figures here as well, as JSON lines")
    arguments = parser.parse_args(argv)
    _handed_to = arguments.json
    del arguments.json  # so that none hands it on to processes of its own
    return arguments


def keep(name: str, ratios: object, processor: object = None, unit: str = "") -> None:
    """Hands over one figure where `--json` was given.

    Args:
        name: the same in every run with the same arguments.
        ratios: one number, or one of each repeat.
        processor: the same of processor times.
        unit: of a figure that is no ratio.
    """
    if _handed_to is not None:
        busy = None if processor is None else float(np.median(processor))
        figure = Figure(name, float(np.median(ratios)), float(np.min(ratios)), float(np.max(ratios)), busy, unit)
        with _handed_to.open("a") as stream:
            stream.write(json.dumps(figure._asdict()) + "\n")


def in_turn(runs: Mapping[str, Callable[[], object]], repeats: int, warm: bool = True) -> dict[str, np.ndarray]:
    """Seconds by the clock and of processor time, float64 [repeats, 2] for each of `runs`.

    Args:
        runs: what is timed, by name.
        repeats: how often.
        warm: run each once before, untimed: compiling and reading files for the first time is not what is measured.
    """
    if warm:
        for run in runs.values():
            run()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            begun, busy = time.perf_counter(), time.process_time()
            run()
            found[name].append((time.perf_counter() - begun, time.process_time() - busy))
    return {name: np.array(times) for name, times in found.items()}


def seconds(name: str, times: np.ndarray, unit: str = "s") -> str:
    """One line: how long it took, in s or ms."""
    wall, busy = times.T * (1000 if unit == "ms" else 1)
    return (
        f"{name:>20}: median {np.median(wall):7.3f} {unit} ({wall.min():.3f} to {wall.max():.3f}), "
        f"processor {np.median(busy):7.3f} {unit}"
    )


def ratio(name: str, times: np.ndarray, other: np.ndarray) -> str:
    """One line: how many times as long the first takes as the second; handed over as well, see `keep`."""
    wall, busy = (times / other).T
    keep(name, wall, busy)
    return (
        f"{name}: median {np.median(wall):.2f} ({wall.min():.2f} to {wall.max():.2f}), "
        f"of processor time {np.median(busy):.2f} ({busy.min():.2f} to {busy.max():.2f})"
    )
