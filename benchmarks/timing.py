"""What the benchmarks share: things timed in turn, and ratios taken repeat by repeat.

The machine may be busy with something else at any time. Then the ratio of processor times tells more than that of the
clock, as long as both sides keep the same cores busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np


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
    """One line: how many times as long the first takes as the second."""
    wall, busy = (times / other).T
    return (
        f"{name}: median {np.median(wall):.2f} ({wall.min():.2f} to {wall.max():.2f}), "
        f"of processor time {np.median(busy):.2f} ({busy.min():.2f} to {busy.max():.2f})"
    )
