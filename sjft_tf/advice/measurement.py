"""The two axes of the decision table, measured, and whether a training gets to see the whole source."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sjft_tf.advice.deciding import Distances, decide
from sjft_tf.evaluation import ChosenSelector

LITTLE = 50
"""Fewer images a class (median) are little data. Our choice, for the lecture's table names no number: Flowers-102 (10 a
class) lies clearly below it, Stanford Dogs (100) and CIFAR-10 (5,000) above."""

DIFFERENT = 2.0
"""From this ratio of distances on, the source counts as a different domain: it lies between `findings.ALIKE` and
`findings.UNLIKE`, six pairs of sets (docs/evidence/distances.md). It holds for the bank, side and bins below only."""

BANK, SIDE, BINS = "gabor", 64, 100
"""What distances are measured with, whatever the training's flags say. In smaller views a bin has so few positions that
most are empty, and the distance of anything to anything is about the same: at 16 px different sets look alike."""

NEAR_LITTLE, NEAR_DIFFERENT = 1.5, 4 / 3
"""Within these factors of a threshold a measurement is called a bordering case."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What is known of a target and a source before anything is trained.

    Attributes:
        images: target training images.
        classes: classes of the target.
        smallest, median, largest: images of a target class.
        source_images: images there are to borrow from.
        ratio: distance of the source in units of the target's own spread (`retrieval.set_distance`); may be infinite.
        between, within: the two medians it is made of.
        candidates: images the nearest was taken of, on both sides.
        sampled_target, sampled_source: images that were described.
        drawn: source images that the training draws, each time it does; 0: not known.
        parts: the ratio of parts of the source, measured where the whole is far.
    """

    images: int
    classes: int
    smallest: int
    median: float
    largest: int
    source_images: int
    ratio: float
    between: float = math.nan
    within: float = math.nan
    candidates: int = 0
    sampled_target: int = 0
    sampled_source: int = 0
    drawn: int = 0
    parts: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def little(self) -> bool:
        """Little data: few images a class."""
        return self.median < LITTLE

    @property
    def similar(self) -> bool:
        """A source of a similar domain."""
        return self.ratio < DIFFERENT

    @property
    def passes(self) -> float:
        """How often the training would pass over the whole source."""
        return self.drawn / self.source_images

    @property
    def decision(self) -> ChosenSelector:
        """What --selector=auto takes."""
        return decide(Distances(self.ratio, self.parts))

    @property
    def cell(self) -> str:
        """The place in the table, in words."""
        return _cell(self.little, self.similar)

    def borders(self) -> list[tuple[str, str]]:
        """What lies so near a threshold that the neighboring cell may be the right one, and that cell."""
        borders = []
        if LITTLE / NEAR_LITTLE < self.median < LITTLE * NEAR_LITTLE:
            text = f"{self.median:g} images a class are near the threshold of {LITTLE}"
            borders.append((text, _cell(not self.little, self.similar)))
        if DIFFERENT / NEAR_DIFFERENT < self.ratio < DIFFERENT * NEAR_DIFFERENT:
            text = f"a distance of {self.ratio:.2f} is near the threshold of {DIFFERENT:g}"
            borders.append((text, _cell(self.little, not self.similar)))
        return borders

    def to_json(self) -> dict[str, int | float | dict[str, float | None] | None]:
        """Plain values; what is not finite becomes null, which JSON has."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return _finite(values) | {"parts": _finite(self.parts)}


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


def _cell(little: bool, similar: bool) -> str:
    return f"{'little' if little else 'much'} data, {'similar' if similar else 'different'} domain"
