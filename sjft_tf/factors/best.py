"""Which value of a factor was the best for each target, and whether it grows with the distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sjft_tf.study import CellRecord, StudyRecord


@dataclass(frozen=True)
class Best:
    """What one target did best with.

    Attributes:
        target: as the axis has it; "" where there is one.
        value: the best.
        mean: accuracy with it.
        others: values whose accuracy lies within the standard error of the paired difference to the best.
        ends: it is the lowest or highest tried, so that a better one may lie beyond.
    """

    target: str
    value: float
    mean: float
    others: tuple[float, ...]
    ends: bool


def best_values(record: StudyRecord) -> list[Best]:
    """The best value of the axis x for each target; cells that are nowhere on it do not count."""
    by_target: dict[str, list[CellRecord]] = {}
    for cell in record.cells:
        if isinstance(cell.axes.get(record.x), int | float) and cell.summary.mean is not None:
            by_target.setdefault(str(cell.axes.get("target", "")), []).append(cell)
    found = []
    for target, cells in by_target.items():
        best = max(cells, key=lambda cell: cell.summary.mean or 0.0)
        values = sorted(float(cell.axes[record.x]) for cell in cells)
        value = float(best.axes[record.x])
        others = tuple(float(cell.axes[record.x]) for cell in cells if cell is not best and _alike(best, cell))
        found.append(Best(target, value, best.summary.mean or 0.0, others, value in (values[0], values[-1])))
    return found


def _alike(best: CellRecord, other: CellRecord) -> bool:
    """Whether the difference, paired by seed, is within its standard error; not to be said of a single seed."""
    shared = sorted(best.tests.keys() & other.tests.keys())
    if len(shared) < 2:
        return False
    differences = [best.tests[seed] - other.tests[seed] for seed in shared]
    mean = sum(differences) / len(shared)
    variance = sum((one - mean) ** 2 for one in differences) / (len(shared) - 1)
    return mean <= (variance / len(shared)) ** 0.5


def gains_told(record: StudyRecord) -> list[str]:
    """Whether what a source brings grows with its distance, in words; nothing for fewer than three sets."""
    known = [
        (float(cell.axes[record.x]), cell.summary.difference)
        for cell in record.cells
        if record.x in cell.axes and cell.summary.difference is not None
    ]
    if len(known) < 3:
        return []
    return [
        f"rank correlation of the gain over no source with the distance: {_spearman(known):+.2f} ({len(known)} sets)"
    ]


def told(record: StudyRecord, found: list[Best], distances: Mapping[str, float], momentum: float = 0.0) -> list[str]:
    """What was best, in words.

    Args:
        record: the study.
        found: of `best_values`.
        distances: by target, as the axis has it.
        momentum: of the optimizer, for the effective rate where rates were varied; 0 tells none.
    """
    axis = next(axis for axis in record.axes if axis.name == record.x)
    lines = []
    for one in sorted(found, key=lambda best: distances.get(best.target, 0.0)):
        line = f"{one.target or 'best'}: {axis.title} {one.value:g}"
        if axis.name == "rate" and momentum:
            line += f" (effective {one.value / (1 - momentum):g})"
        line += f", {one.mean:.1%}"
        if one.others:
            line += f"; no worse within the noise: {', '.join(f'{value:g}' for value in one.others)}"
        lines.append(line + ("; at an end of what was tried" if one.ends else ""))
    known = [(distances[one.target], one.value) for one in found if one.target in distances]
    if len(known) > 2:
        lines.append(
            f"rank correlation of the best value with the distance: {_spearman(known):+.2f} ({len(known)} sets)"
        )
    return lines


def _spearman(pairs: list[tuple[float, float]]) -> float:
    """Spearman's rank correlation; 0 where one side does not vary."""
    from scipy.stats import spearmanr  # not for --help

    x, y = zip(*pairs, strict=True)
    return float(spearmanr(x, y)[0]) if len(set(x)) > 1 and len(set(y)) > 1 else 0.0
