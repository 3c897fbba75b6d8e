"""A line for each run that was done: what it reached, and about how long the rest takes."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sjft_tf.pipeline.studying.runs import Runs


class Progress:
    """Lines for the screen.

    Args:
        runs: counts what was done.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs, self._begun = runs, time.perf_counter()

    def line(self, run: object, accuracy: Mapping[str, float | None], seconds: float | None, left: int) -> str:
        """Of a run that was done.

        Args:
            run: its text names it, as in `Runs.failed`.
            accuracy: shares by set.
            seconds: it took; None for one that failed.
            left: runs that are still to be done.
        """
        if seconds is None:
            return f"{run}: FAILED: {self._runs.failed[str(run)]}"
        shares = [(name, accuracy.get(name)) for name in ("validation", "test")]
        reached = ", ".join(f"{name} {share:.2%}" for name, share in shares if share is not None)
        estimate = left * (time.perf_counter() - self._begun) / self._runs.done
        return f"{run}: {reached or 'done'}; {seconds:.0f} s; about {_duration(estimate)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
