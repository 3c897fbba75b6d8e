"""What to borrow where nobody says it: --selector=auto as a pure rule.

Everything: nowhere that we measured did the nearest images do better than the whole source, not even of a heap of six
sets of which a fifth looks alike (docs/evidence/borrowing.md). Nothing, where all of it lies far away.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from sjft_tf.evaluation import ChosenSelector

FAR = 4.0
"""From this ratio of distances on (see `Measurement`), a set is too far away to borrow from: beyond all that was
measured. At 3.7, the farthest of `findings.TARGETS`, borrowing brought 5.5 points by the batch's statistics, and by
mixed ones, the default, cost 0.7 (-2.1 to +0.8)."""


@dataclasses.dataclass(frozen=True)
class Distances:
    """How far away a source is, in units of the target's own spread.

    Attributes:
        whole: of the whole source; may be infinite.
        parts: of parts of it, by what they are called.
    """

    whole: float
    parts: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def far(self) -> bool:
        """Whether neither the whole nor a part of it is near; not where nothing could be measured."""
        return FAR <= min([self.whole, *self.parts.values()]) < math.inf


def decide(distances: Distances | None) -> ChosenSelector:
    """Whether to borrow nothing or everything.

    Args:
        distances: of the source; None where there is none.

    Example:
        >>> decide(Distances(1.3, {"animals": 1.2, "things": 1.5})).selector
        'all'
        >>> decide(Distances(9.0, {"letters": 8.0, "maps": 12.0})).selector
        'none'
    """
    if distances is None:
        return ChosenSelector("none", "there is no --source: plain fine-tuning")
    lie = f"source images lie {_times(distances.whole)} as far from yours as others of your own"
    if distances.parts:
        near, far = (pick(distances.parts, key=lambda part: distances.parts[part]) for pick in (min, max))
        lie += f", the nearest part ({near}) {_times(distances.parts[near])}"
        lie += f", the farthest ({far}) {_times(distances.parts[far])}"
    return ChosenSelector("none" if distances.far else "all", lie)


def _times(ratio: float) -> str:
    return "infinitely" if math.isinf(ratio) else f"{ratio:.2f} times"
