"""When a run ends before its last round, and which of its rounds is the one that counts.

Both are functions of the rounds' scores alone, so that a run that was broken off decides as it would have decided.
"""

from __future__ import annotations

from collections.abc import Sequence


def best_of(scores: Sequence[float]) -> int:
    """Number, from 0, of the highest score; of equal ones the earliest, which took the fewest steps.

    Example:
        >>> best_of([0.5, 0.7, 0.7, 0.6])
        1
    """
    return max(range(len(scores)), key=lambda index: (scores[index], -index))


def runs_out(scores: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` rounds have not bettered the best before them, as Keras's EarlyStopping counts.

    Args:
        scores: of every round so far, higher is better; at least one.
        patience: rounds, at least 1.

    Example:
        >>> runs_out([0.5, 0.7, 0.7], 2), runs_out([0.5, 0.7, 0.7, 0.6], 2)
        (False, True)
    """
    return len(scores) - 1 - best_of(scores) >= patience
