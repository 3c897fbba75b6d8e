"""The image sets of a run: opened, divided and checked to fit together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import (
    ImageSet,
    Inspector,
    align_classes,
    check_disjoint,
    check_same_kind,
    check_trainable,
    default_splits,
    few_of_each,
    find_repeats,
    fold,
    hold_out,
    open_image_set,
    open_source,
    refuse_several_labels,
    told_repeats,
)
from sjft_tf.influence import kept_rows
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

NO_IMAGES = "none"
"""The spec of a set that is not wanted, although the target may have such a split."""


@dataclass(frozen=True)
class Sets:
    """The image sets of a run; all target sets have the training set's classes."""

    target: ImageSet
    validation: ImageSet | None = None
    test: ImageSet | None = None
    source: ImageSet | None = None

    def source_images(self) -> ImageSet:
        """The source, for what cannot do without.

        Raises:
            InputError: there is none.
        """
        if self.source is None:
            raise InputError("There are no source images: give --source, and a --selector other than none")
        return self.source

    def scored(self) -> dict[str, ImageSet]:
        """The sets that are evaluated, by name."""
        return {name: images for name in ("validation", "test") if (images := getattr(self, name)) is not None}


def open_sets(
    config: RunConfig,
    workdir: Workdir,
    tell: Callable[[str], object] = log.info,
    elsewhere: Inspector | None = None,
) -> Sets:
    """Opens every image set of the run and checks that they fit together.

    A target without `#split` whose folder (or file) has splits gives training, validation and test images. `tell` takes
    a line for each set that says what was understood of it. `elsewhere` checks files in place of this process.

    Raises:
        InputError: sets without images, empty classes, classes only in a test set, shared images, bad files.
    """
    target, scored, told = open_targets(config, workdir, tell, elsewhere)
    if told:
        log.warning("%s", told)
    source = None
    if config.uses_source:
        source = open_sources(config, workdir, tell, elsewhere)
        for images in (target, *scored.values()):
            check_disjoint(images, source)
    return Sets(target, source=source, **scored)


def target_specs(config: RunConfig) -> dict[str, str]:
    """The specs of "target", "validation" and "test" images; "" of a role that the target comes without."""
    data = config.data
    splits = default_splits(data.target)
    return {
        "target": splits.get("train", data.target),
        "validation": data.validation or splits.get("validation", ""),
        "test": data.test or splits.get("test", ""),
    }


def open_targets(
    config: RunConfig, workdir: Workdir, tell: Callable[[str], object], elsewhere: Inspector | None = None
) -> tuple[ImageSet, dict[str, ImageSet], str]:
    """What the run trains on, the sets by role that judge it, and a line about images in both; "" without any.

    Raises:
        InputError: as `open_sets`.
    """
    data, specs = config.data, target_specs(config)
    target = _open(specs.pop("target"), "target", config, workdir, tell, elsewhere)
    if data.target_rows:
        target = target.subset(kept_rows(data.target_rows, target))
    target, divided = _divide(target, {role for role, spec in specs.items() if spec}, config)
    check_trainable(target)
    scored = {}
    for role, spec in specs.items():
        if role in divided:
            scored[role] = divided[role]
        elif spec and spec != NO_IMAGES:
            images = _open(spec, role, config, workdir, tell, elsewhere)
            check_disjoint(target, images)
            check_same_kind(target, images)
            scored[role] = align_classes(target.class_names, images)
    target, told = without_repeats(target, scored, data.exclude_leaks)
    return target, scored, told


def open_sources(
    config: RunConfig, workdir: Workdir, tell: Callable[[str], object], elsewhere: Inspector | None = None
) -> ImageSet:
    """The images to borrow from, all sets in one, before leaks are looked for.

    Raises:
        InputError: see `open_source`; or --source_rows names others.
    """
    data = config.data
    source = open_source(
        data.source,
        **data.reading(),
        cache=workdir.scans,
        report=workdir.bad_images("source"),
        tell=lambda line: tell(f"source: {line}"),
        elsewhere=elsewhere,
    )
    refuse_several_labels([source])
    return source.subset(kept_rows(data.source_rows, source, "--source_rows")) if data.source_rows else source


def _divide(target: ImageSet, given: set[str], config: RunConfig) -> tuple[ImageSet, dict[str, ImageSet]]:
    """What of the target is trained on, and the sets that are divided off it.

    The test part goes first and does not depend on --seed, so that runs of all seeds leave the same images alone.
    With --test=none it is set aside, but not scored.
    """
    data, divided, fold_of = config.data, {}, config.data.fold()
    if data.holdout_test:
        if "test" in given and data.test != NO_IMAGES:
            raise InputError("--holdout_test is for a target without test images, and this one has some: leave it out")
        target, held = hold_out(target, data.holdout_test, seed=0)
        if data.test != NO_IMAGES:
            divided["test"] = held
    if data.per_class:
        target = few_of_each(target, data.per_class, config.training.seed)
    if fold_of is not None:
        if "validation" in given and data.validation != NO_IMAGES:
            raise InputError("--validation_fold is for a target without validation images: give --validation=none")
        target, divided["validation"] = fold(target, *fold_of, config.training.seed)
    return target, divided


def without_repeats(target: ImageSet, scored: Mapping[str, ImageSet], exclude: bool) -> tuple[ImageSet, str]:
    """The target, with `exclude` without its images that are held out too or in two classes, and a line about them.

    The line is empty where there are none.
    """
    repeats = find_repeats(target, scored)
    if not (told := told_repeats(target, scored, repeats)):
        return target, ""
    if not exclude:
        return target, f"REPEATED: {told}. --exclude_leaks leaves them out of the training"
    kept = target.subset(np.setdiff1d(np.arange(len(target)), repeats.excluded))
    check_trainable(kept)
    return kept, f"REPEATED: {told}. They are left out of the training"


def _open(
    spec: str,
    role: str,
    config: RunConfig,
    workdir: Workdir,
    tell: Callable[[str], object],
    elsewhere: Inspector | None,
) -> ImageSet:
    return open_image_set(
        spec,
        **config.data.reading(),
        cache=workdir.scans,
        report=workdir.bad_images(role),
        tell=lambda line: tell(f"{role}: {line}"),
        elsewhere=elsewhere,
    )
