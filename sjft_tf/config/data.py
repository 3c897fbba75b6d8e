"""Which images are used."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypedDict

from sjft_tf.catalog import ASPECT_RATIOS, SQUASH
from sjft_tf.config.option import LARGE, Section, option
from sjft_tf.errors import InputError


class Reading(TypedDict):
    """How images are read, as `images.open_image_set` takes it."""

    bad_images: str
    max_pixels: int
    value_range: tuple[float, float] | None
    aspect_ratio: str


@dataclass(frozen=True)
class DataConfig(Section):
    """Which images."""

    target: str = option("", "target training images, e.g. folder:PATH or folder:PATH#train (see docs/image-sets.md)")
    validation: str = option(
        "", "target validation images; found beside --target where it has such a split; none: none"
    )
    test: str = option("", "target test images; found beside --target where it has such a split; none: none")
    source: list[str] = option([], "images to borrow from; give the flag again for more sets")
    bad_images: str = option(
        "error",
        "what to do with a file that cannot be decoded, or that a table names and is not there",
        ("error", "skip"),
    )
    max_pixels: int = option(
        64_000_000,
        "an image whose header claims more pixels counts as one that cannot be decoded (a small file can claim any)",
        limits=(1, LARGE),
    )
    value_range: str = option(
        "",
        "LOW:HIGH, the values that are black and white in images of more than 8 bits, e.g. 0:4095 for 12 bits; "
        "empty: all of 16 bits, 0:1 of floats",
    )
    aspect_ratio: str = option(
        SQUASH,
        "how a wide or tall image becomes a square: squash distorts it, crop takes its middle, pad fills what it lacks",
        ASPECT_RATIOS,
    )
    audit: bool = option(True, "look for source images that are target images, and warn")
    exclude_leaks: bool = option(
        False,
        "leave the source images that the audit finds out of the source, and training images that are "
        "held-out ones or in two classes, byte by byte, out of the training",
    )
    target_rows: str = option(
        "",
        "train on these target images only: one id a line, or kept.json of scripts/prune.py for this --target",
    )
    per_class: int = option(
        0, "train on so many images of each class of the target, drawn by --seed; 0: all", limits=(0, LARGE)
    )
    holdout_test: float = option(
        0.0, "without test images: share of each class of the target set aside as such", limits=(0.0, 0.9)
    )
    validation_fold: str = option(
        "", "I/K: the target's training images are dealt into K folds, and fold I is for validation"
    )
    source_rows: str = option("", "borrow from these source images only: a file like that of --target_rows")
    prune_target: bool = option(
        False, "drop the target images that hurt before anything else (see scripts/prune.py --help)"
    )

    def fold(self) -> tuple[int, int] | None:
        """Number (from 1) and count of --validation_fold; None when it is off.

        Raises:
            InputError: it is not I/K with 1 <= I <= K and K from 2.
        """
        given = self.validation_fold
        if not given:
            return None
        fold = re.fullmatch(r"(\d{1,4})/(\d{1,4})", given, re.ASCII)
        if not fold or not 1 <= int(fold[1]) <= int(fold[2]) or int(fold[2]) < 2:
            raise InputError(f"--validation_fold must be I/K, such as 1/3: fold I of K. Received: {given!r}")
        return int(fold[1]), int(fold[2])

    def values(self) -> tuple[float, float] | None:
        """The values that are black and white; None without --value_range.

        Raises:
            InputError: they are not two finite numbers, the smaller first.
        """
        given = self.value_range
        if not given:
            return None
        try:
            low, high = map(float, given.split(":"))
        except ValueError:
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"--value_range must be LOW:HIGH, such as 0:4095. Received: {given!r}")
        return low, high

    def reading(self) -> Reading:
        """How images are read: the same for all sets of a run, and for whoever uses its model."""
        return Reading(
            bad_images=self.bad_images,
            max_pixels=self.max_pixels,
            value_range=self.values(),
            aspect_ratio=self.aspect_ratio,
        )

    def check(self) -> None:
        if not self.target:
            raise InputError("--target is missing: say which images to learn, e.g. --target=folder:PATH")
        self.fold()
        self.values()
        if self.exclude_leaks and not self.audit:
            raise InputError("--exclude_leaks needs the audit that --noaudit turns off: leave one of the two out")
        if self.prune_target and self.target_rows:
            raise InputError("--prune_target chooses images that --target_rows has chosen already: give one of the two")
