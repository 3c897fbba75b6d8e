"""What a study of one factor is asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.study import numbers

FACTORS = {
    "rate": "initial learning rate of the whole network",
    "head_rate": "initial learning rate of the new layer, the trunk's as --learning_rate says",
    "depth_rate": "a lower rate up to a depth of the trunk, or frozen up to there",
    "source_classes": "number of source classes",
    "distance": "distance of the source from the target",
    "per_class": "target images a class",
    "width": "width of the trunk",
}
"""What may be varied, one a study."""

PER_CLASS, FIXED = "per_class", "fixed"
SIZES = (PER_CLASS, FIXED)
"""How many images so many source classes have: as many of each, or as many in all."""


@dataclass(frozen=True)
class FactorSpec:
    """A study of one factor.

    Attributes:
        factor: one of `FACTORS`.
        base: settings that all runs share.
        values: what the factor takes on, as text; empty: as `cells_of` has it by default.
        targets: several targets, each with all values; empty: the base's.
        images: of `SIZES`, for source_classes.
        source_images: images of each source class, or in all; 0: all there are of each.
        seeds: of the runs.
        holdout_test: share of each class set aside for testing where there are no test images.
        keep_weights: keep the weights of every round of every run.
        drift: images of each target that it is measured on what changed inside; 0: not.
        command: the command line, for the record.
    """

    factor: str
    base: RunConfig
    values: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    images: str = PER_CLASS
    source_images: int = 0
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    holdout_test: float = 0.3
    keep_weights: bool = False
    drift: int = 0
    command: str = ""

    def check(self) -> FactorSpec:
        """Itself, if it can be done.

        Raises:
            InputError: what cannot, and what to do.
        """
        if self.factor not in FACTORS:
            raise InputError(f"--factor must be one of {', '.join(FACTORS)}. Received: {self.factor!r}")
        if len(set(self.targets)) < len(self.targets):
            raise InputError(f"--targets must be different sets. Received: {', '.join(self.targets)}")
        if self.factor == "source_classes":
            self._check_source_classes()
        elif self.source_images or self.images != PER_CLASS:
            raise InputError("--images and --source_images are for --factor=source_classes: leave them out")
        if self.factor == "distance":
            self._check_distance()
        if self.factor in ("head_rate", "depth_rate") and (self.base.training.layer_rate or self.base.model.freeze):
            raise InputError(f"--factor={self.factor} sets --layer_rate and --freeze itself: leave them out")
        return self

    def _check_source_classes(self) -> None:
        if len(self.base.data.source) != 1:
            raise InputError("--factor=source_classes draws classes from one source: give --source once")
        if self.base.data.source_rows or "only_classes=" in self.base.data.source[0]:
            raise InputError("--factor=source_classes chooses classes and --source_rows itself: leave those out")
        if not self.base.uses_source:
            raise InputError(
                "--factor=source_classes needs a training that the source has a part in. Give --selector=all, or "
                "--adapt_steps=N, by which the trunk first learns the source"
            )
        if not self.values:
            raise InputError("--factor=source_classes needs --values, the numbers of classes, e.g. --values=10,30,100")
        if self.images == FIXED and not self.source_images:
            raise InputError("--images=fixed needs --source_images, how many in all, e.g. --source_images=1000")

    def _check_distance(self) -> None:
        if self.values:
            raise InputError("--factor=distance is measured: leave --values out, and give --source more than once")
        if len(self.base.data.source) * max(1, len(self.targets)) < 2:
            raise InputError("--factor=distance compares several sets: give --source more than once, or --targets")
        if not self.base.uses_source:
            raise InputError("--factor=distance needs a training that the source has a part in, e.g. --selector=all")

    def numbers(self, default: tuple[float, ...] = (), kind: type = float) -> tuple[Any, ...]:
        """The values, different and ascending; `default` without any.

        Raises:
            InputError: they are no numbers above 0, or fewer than two.
        """
        found = tuple(sorted(set(numbers(self.values, "--values", kind)))) or default
        if len(found) < 2 or min(found) <= 0:
            raise InputError(
                f"--values of --factor={self.factor} must be two or more different numbers above 0. Received: "
                f"{', '.join(self.values)}"
            )
        return found

    @property
    def all_targets(self) -> tuple[str, ...]:
        """The specs of the targets."""
        return self.targets or (self.base.data.target,)

    @property
    def measures(self) -> bool:
        """Whether distances are measured."""
        return self.factor == "distance" or bool(len(self.targets) > 1 and self.base.data.source)


@dataclass(frozen=True)
class Prepared:
    """What must be known of the sets before anything is trained.

    Attributes:
        distances: {(target, source): ratio}, as the advice measures it; "" for all sources of the base together.
        draws: {(classes, seed): settings} of the drawn source classes.
    """

    distances: Mapping[tuple[str, str], float] = field(default_factory=dict)
    draws: Mapping[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)


def labels(specs: tuple[str, ...]) -> dict[str, str]:
    """A short name for each image set, fit for a folder, different for all."""
    found, seen = dict[str, str](), Counter[str]()
    for spec in specs:
        place = re.split("[/:]", re.sub(r"[?].*", "", spec).rstrip("/"))[-1]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", place).strip("-._")[:32] or "set"
        seen[name] += 1
        found[spec] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return found
