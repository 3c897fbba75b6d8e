"""Means, spreads and paired differences with intervals. NumPy only.

With few seeds a bootstrap over seeds is too narrow: it sees only the seeds there are, and for n of them its spread is
sqrt((n - 1) / n) times that of the sample, without the t distribution's allowance for not knowing the true spread. With
n = 5 a nominal 95 % interval is about 1.6 times shorter than the t interval. Both are reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sjft_tf.schema import Formed

COMPLETE = 50_000
"""Resamples up to which all of them are enumerated: n^n for n <= 6."""
DRAWS = 10_000
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Both ends."""

    low: float
    high: float


@dataclass(frozen=True)
class Summary(Formed):
    """What the runs of a cell or of an arm reached together; None for what there is not.

    Attributes:
        n: seeds.
        mean, sd: of the accuracy, sd with ddof 1.
        difference: mean of the differences to the reference, of the seeds that both have.
        low, high: its 95 % interval, by bootstrap.
        seconds: mean of the runs.
    """

    FORM: ClassVar[dict[str, Any]] = {
        **{"n": int, "mean": (float, None), "sd": (float, None), "difference": (float, None)},
        **{"low": (float, None), "high": (float, None), "seconds": (float, None)},
    }

    n: int
    mean: float | None
    sd: float | None
    difference: float | None
    low: float | None
    high: float | None
    seconds: float | None


def resamples(count: int, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """How often each of `count` values occurs in each resample, float64 [R, count], rows sum to `count`.

    All count^count resamples where they are at most `COMPLETE`, else `draws` drawn with a fixed seed.
    """
    if count**count <= COMPLETE:
        positions = np.indices((count,) * count).reshape(count, -1).T
    else:
        positions = np.random.default_rng(seed).integers(count, size=(draws, count))
    offsets = np.arange(len(positions))[:, None] * count
    counts = np.bincount((positions + offsets).ravel(), minlength=len(positions) * count)
    return counts.reshape(len(positions), count).astype(np.float64)


def percentiles(values: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """The middle `confidence` of values, float [R]."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))


def bootstrap_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Percentile bootstrap of the mean of `values` [n]; None for fewer than two."""
    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return None
    # Around the mean: then a constant that is added to all values moves the interval by exactly that.
    center = x.mean()
    around = percentiles(resamples(len(x)) @ (x - center) / len(x), confidence)
    return Interval(min(center + around.low, center), max(center + around.high, center))


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Student's interval of the mean of `values` [n]; None for fewer than two."""
    from scipy.special import stdtrit  # not for --help

    x = np.asarray(values, np.float64)
    if len(x) < 2:
        return None
    half = float(stdtrit(len(x) - 1, (1 + confidence) / 2) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(float(x.mean()) - half, float(x.mean()) + half)


def image_interval(
    gains: np.ndarray, labels: np.ndarray, confidence: float = CONFIDENCE, draws: int = 2000, seed: int = 0
) -> Interval | None:
    """Bootstrap of the difference in mean class accuracy over seeds and test images together.

    Each draw resamples the seeds, and within each class the test images, the same ones for all seeds.

    Args:
        gains: float [n, N], for each seed and image: right with this arm less right with the other (-1, 0 or 1).
        labels: int [N], true classes.
        confidence: of the interval.
        draws: resamples.
        seed: of the draws.

    Returns:
        None without seeds or images.
    """
    if gains.size == 0:
        return None
    rng, count = np.random.default_rng(seed), len(gains)
    classes, sizes = np.unique(labels, return_counts=True)
    picked = rng.integers(count, size=(draws, count))
    seeds = np.stack([np.bincount(row, minlength=count) for row in picked]) / count
    total = np.zeros(draws)
    for label, size in zip(classes, sizes, strict=True):
        # How often each image of the class is drawn: the multinomial of a bootstrap.
        times = rng.multinomial(size, np.full(size, 1 / size), size=draws) / size
        total += np.einsum("rs,si,ri->r", seeds, gains[:, labels == label], times, optimize=True)
    return percentiles(total / len(classes), confidence)


def paired_summary(
    values: Mapping[int, float], baseline: Mapping[int, float], seconds: Sequence[float] = ()
) -> Summary:
    """The summary of the runs of a cell or of an arm.

    Args:
        values: accuracy of each seed.
        baseline: that of the reference; the seeds that both have are compared.
        seconds: of each run.
    """
    x = np.array(list(values.values()), np.float64)
    gains = differences(values, baseline)
    around = bootstrap_interval(gains)
    return Summary(
        n=len(x),
        mean=float(x.mean()) if len(x) else None,
        sd=float(x.std(ddof=1)) if len(x) > 1 else None,
        difference=float(np.mean(gains)) if gains else None,
        low=around.low if around else None,
        high=around.high if around else None,
        seconds=float(np.mean(seconds)) if len(seconds) else None,
    )


def differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """These values less the baseline's, for each seed that both have."""
    return [values[seed] - baseline[seed] for seed in values if seed in baseline]
