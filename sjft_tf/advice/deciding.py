"""What to borrow where nobody says it: --selector=auto as a pure rule.

Everything: nowhere that we measured did the nearest images do better than the whole source, not even of a heap of six
sets of which a fifth looks alike (docs/evidence/borrowing.md). Nothing, where all of it lies far away.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

FAR = 4.0
"""From this ratio of distances on (see `Measurement`), a set is too far away to borrow from: the farthest that paid lay
at 3.7."""


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
        """Whether neither the whole nor a part of it is near."""
        return min([self.whole, *self.parts.values()]) >= FAR


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is borrowed, and why.

    Attributes:
        selector: "none" or "all".
        pool: source images that are wanted to begin with.
        reason: in words, for one line.
    """

    selector: str
    pool: int
    reason: str

    def __str__(self) -> str:
        return f"{self.selector}: {self.reason}"


def needs_distances(source_images: int, pool: int) -> bool:
    """Whether distances can change what `decide` says."""
    return 0 < pool < source_images


def decide(source_images: int, pool: int, distances: Distances | None = None) -> Decision:
    """Whether to borrow nothing or everything.

    Args:
        source_images: images there are to borrow from; 0 without a source.
        pool: as many as the training passes over --passes times, see `selection.pool_by_passes`.
        distances: of the source; needed where `needs_distances` says so.

    Raises:
        ValueError: distances are needed and missing.

    Example:
        >>> decide(40_000, 40_000).selector
        'all'
        >>> decide(1_281_167, 80_000, Distances(1.3, {"animals": 1.2, "things": 1.5})).selector
        'all'
        >>> decide(1_281_167, 80_000, Distances(9.0, {"letters": 8.0, "maps": 12.0})).selector
        'none'
    """
    if not source_images:
        return Decision("none", 0, "there is no --source: plain fine-tuning")
    if not needs_distances(source_images, pool):
        return Decision("all", source_images, f"training passes over all {source_images:,} source images as wanted")
    if distances is None:
        raise ValueError(f"distances decide about a pool of {pool} of {source_images} images, and there are none")
    lie = f"source images lie {_times(distances.whole)} as far from yours as others of your own"
    if distances.parts:
        near, far = (pick(distances.parts, key=lambda part: distances.parts[part]) for pick in (min, max))
        lie += f", the nearest part ({near}) {_times(distances.parts[near])}"
        lie += f", the farthest ({far}) {_times(distances.parts[far])}"
    if distances.far:
        return Decision("none", 0, lie)
    return Decision("all", source_images, lie)


def _times(ratio: float) -> str:
    return "infinitely" if math.isinf(ratio) else f"{ratio:.2f} times"
