"""Curves measured on real sets, each with where it is documented: what the advice quotes, and its thresholds stand on.

Distances are those of Tiny-ImageNet from the target, as `Measurement.ratio`; accuracies are mean class accuracy on test
images in %, of MobileNetV2-0.35 with ImageNet weights at 64 px, 250 steps of 32 (flags/small_cpu.cfg).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

BORROWING, DISTANCES = "docs/evidence/borrowing.md", "docs/evidence/distances.md"
RATES = "docs/evidence/factors.md"
_FIVE_DRAWS = f"5 a class, five draws, {RATES}"


@dataclasses.dataclass(frozen=True)
class Gain:
    """Percentage points with their 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


@dataclasses.dataclass(frozen=True)
class MeasuredTarget:
    """What was measured of a target, with 5 images a class unless said otherwise.

    Attributes:
        name: in words.
        distance: of Tiny-ImageNet.
        borrowing: what the whole source with Co-Tuning brings over plain fine-tuning (`BORROWING`).
        rates: accuracy of plain fine-tuning by its learning rate; none: not measured.
        of_rates: with how many images a class and seeds, and where it is documented.
    """

    name: str
    distance: float
    borrowing: Gain
    rates: Mapping[float, float] = dataclasses.field(default_factory=dict)
    of_rates: str = ""

    @property
    def best_rate(self) -> float:
        """The rate with the highest accuracy, of equal ones the largest; NaN without any."""
        return max(self.rates, key=lambda rate: (self.rates[rate], rate), default=math.nan)


def _measured(name: str, distance: float, borrowing: Gain, *shares: float) -> MeasuredTarget:
    """One with its accuracies by the rates of the study."""
    return MeasuredTarget(name, distance, borrowing, dict(zip(_RATES, shares, strict=True)), _FIVE_DRAWS)


_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
TARGETS = (
    MeasuredTarget(
        "flowers",
        1.2,
        Gain(1.7, 0.5, 2.8),
        {0.001: 39.7, 0.003: 42.1, 0.01: 37.7},
        f"3 a class, three seeds, {BORROWING}",
    ),
    _measured("textures", 1.7, Gain(0.9, -1.6, 3.4), 49.3, 49.7, 49.7, 38.8, 30.9),
    _measured("small photos", 2.0, Gain(2.0, -0.4, 4.4), 41.4, 41.9, 42.0, 33.2, 30.3),
    _measured("aerial views", 2.0, Gain(1.7, -1.6, 5.0), 57.3, 58.2, 58.0, 54.6, 50.6),
    _measured("traffic signs", 2.3, Gain(3.4, -0.1, 6.9), 31.9, 36.9, 40.1, 42.3, 46.1),
    _measured("sketches", 2.5, Gain(2.4, 1.2, 3.6), 66.2, 65.9, 66.3, 60.5, 57.6),
    _measured("handwritten characters", 3.7, Gain(-0.7, -2.1, 0.8), 51.8, 61.9, 68.1, 67.7, 52.2),
)
"""From the nearest to the farthest."""

ALIKE = (1.05, 1.03, 1.25, 1.20, 1.43, 1.53)
"""Distances of three pairs of sets that look alike to a person, two draws each (`DISTANCES`)."""
UNLIKE = (3.26, 3.10, 4.26, 4.64, 18.79, 17.37)
"""Those of three that do not."""


def nearest(distance: float, targets: Sequence[MeasuredTarget] = TARGETS, count: int = 2) -> list[MeasuredTarget]:
    """The measured targets that lie about as far away, the nearest first."""
    finite = min(max(distance, 1e-9), 1e9)
    return sorted(targets, key=lambda one: abs(math.log(one.distance / finite)))[:count]


def borrowing_near(distance: float) -> str:
    """What borrowing brought targets that lie about as far away, with the reference."""
    shown = ", ".join(f"{one.name} ({one.distance:.1f} away) {one.borrowing}" for one in nearest(distance))
    beyond = f" Nothing was measured beyond {TARGETS[-1].distance:.1f}." if distance > TARGETS[-1].distance else ""
    return (
        f"Measured about as far away, 5 images a class, points over plain fine-tuning: {shown} ({BORROWING}).{beyond}"
    )


def rate_near(distance: float) -> str:
    """The best learning rate of targets that lie about as far away, with the curve and its reference."""
    measured = [one for one in TARGETS if one.rates]
    return "; ".join(
        f"{one.name} ({one.distance:.1f} away) learned best at {one.best_rate:g}, of "
        f"{', '.join(f'{rate:g}: {share:.1f} %' for rate, share in one.rates.items())} ({one.of_rates})"
        for one in nearest(distance, measured)
    )
