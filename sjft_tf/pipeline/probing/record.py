"""What comes of a probe's cells: a line for each setting, paired differences, the best by validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from sjft_tf.pipeline.probing.cells import Cell, CellResult
from sjft_tf.study import Interval, t_interval


@dataclasses.dataclass(frozen=True)
class Setting:
    """A layer with views, classifier and transform, over all seeds.

    Attributes:
        results: one a seed.
    """

    results: tuple[CellResult, ...]

    @property
    def cell(self) -> Cell:
        """Of the first seed."""
        return self.results[0].cell

    @property
    def validation(self) -> float:
        """Mean class accuracy on held-out images, mean over the seeds."""
        return float(np.mean([one.validation for one in self.results]))

    @property
    def test(self) -> float:
        """Mean class accuracy on test images, mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def accuracies(self) -> list[float]:
        """On test images, of each seed."""
        return [one.test.mean_class_accuracy for one in self.results]

    @property
    def interval(self) -> Interval | None:
        """Student's 95 % interval of `test`; None for one seed."""
        return t_interval(self.accuracies)

    def to_json(self) -> dict[str, Any]:
        """For probe.json."""
        cell, interval = dataclasses.asdict(self.cell), self.interval
        del cell["seed"]
        values = {"validation": self.validation, "test": self.test, "tests": self.accuracies}
        chosen = {"strengths": [one.strength for one in self.results], "powers": [one.power for one in self.results]}
        ends = {"low": interval.low if interval else None, "high": interval.high if interval else None}
        return {**cell, **values, **ends, **chosen, "seconds": sum(one.seconds for one in self.results)}


def settings_of(results: Sequence[CellResult]) -> list[Setting]:
    """The settings, in the order of their first cell."""
    grouped: dict[Cell, list[CellResult]] = {}
    for one in results:
        grouped.setdefault(dataclasses.replace(one.cell, seed=0), []).append(one)
    return [Setting(tuple(of_setting)) for of_setting in grouped.values()]


def best_of(settings: Sequence[Setting]) -> Setting:
    """The best on held-out images; of equals the first. Test images play no part."""
    return max(settings, key=lambda one: one.validation)


def gains(results: Sequence[CellResult]) -> dict[str, dict[str, Any]]:
    """What augmentation, power transform and the SVM add, paired: mean over what else differs, interval over seeds."""
    changes: dict[str, Callable[[Cell], Cell]] = {
        "sixteen views": lambda cell: dataclasses.replace(cell, views="sixteen"),
        "power transform": lambda cell: dataclasses.replace(cell, transformed=True),
        "svm": lambda cell: dataclasses.replace(cell, classifier="svm"),
    }
    by_cell, found = {one.cell: one for one in results}, {}
    for name, change in changes.items():
        of_seed: dict[int, list[float]] = {}
        for cell, result in by_cell.items():
            other = by_cell.get(change(cell))
            if other is not None and change(cell) != cell:
                difference = other.test.mean_class_accuracy - result.test.mean_class_accuracy
                of_seed.setdefault(cell.seed, []).append(difference)
        if of_seed:
            means = [float(np.mean(values)) for values in of_seed.values()]
            interval = t_interval(means)
            ends = {"low": interval.low if interval else None, "high": interval.high if interval else None}
            pairs = sum(map(len, of_seed.values()))
            found[name] = {"difference": float(np.mean(means)), **ends, "pairs": pairs, "seeds": len(means)}
    return found


def table(settings: Sequence[Setting]) -> Iterator[str]:
    """A line for each layer and kind of views, a column for each classifier; test accuracy in %."""
    columns = list(dict.fromkeys((one.cell.classifier, one.cell.transformed) for one in settings))
    rows = list(dict.fromkeys((one.cell.layer, one.cell.views) for one in settings))
    by_cell = {(one.cell.layer, one.cell.views, one.cell.classifier, one.cell.transformed): one for one in settings}
    titles = [name + ", power" * transformed for name, transformed in columns]
    yield "| layer | views | " + " | ".join(titles) + " |"
    yield "|---|---|" + "---|" * len(titles)
    best = best_of(settings)
    for layer, views in rows:
        entries = []
        for column in columns:
            one = by_cell[layer, views, *column]
            half = "" if one.interval is None else f" ± {50 * (one.interval.high - one.interval.low):.1f}"
            entries.append(f"**{100 * one.test:.1f}{half}**" if one is best else f"{100 * one.test:.1f}{half}")
        yield f"| {layer} | {views} | " + " | ".join(entries) + " |"
