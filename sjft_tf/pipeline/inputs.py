"""What a run works with: image sets that fit together, the views on them, the filter bank."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.descriptors import FilterBank, open_bank
from sjft_tf.errors import InputError
from sjft_tf.images import (
    ImageSet,
    View,
    align_classes,
    check_disjoint,
    check_trainable,
    default_splits,
    few_of_each,
    find_repeats,
    fold,
    hold_out,
    open_image_set,
    open_source,
    told_repeats,
)
from sjft_tf.images import evaluation_views as views_of
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


def open_sets(config: RunConfig, workdir: Workdir, tell: Callable[[str], object] = log.info) -> Sets:
    """Opens every image set of the run and checks that they fit together.

    A target without `#split` whose folder (or file) has splits gives training, validation and test images. `tell` takes
    a line for each set that says what was understood of it.

    Raises:
        InputError: sets without images, empty classes, classes only in a test set, shared images, bad files.
    """
    data = config.data
    splits = default_splits(data.target)
    specs = {
        "validation": data.validation or splits.get("validation", ""),
        "test": data.test or splits.get("test", ""),
    }
    target = _open(splits.get("train", data.target), "target", config, workdir, tell)
    if data.target_rows:
        target = target.subset(kept_rows(data.target_rows, target))
    target, divided = _divide(target, {role for role, spec in specs.items() if spec}, config)
    check_trainable(target)
    scored = {}
    for role, spec in specs.items():
        if role in divided:
            scored[role] = divided[role]
        elif spec and spec != NO_IMAGES:
            images = _open(spec, role, config, workdir, tell)
            check_disjoint(target, images)
            scored[role] = align_classes(target.class_names, images)
    target, told = without_repeats(target, scored, data.exclude_leaks)
    if told:
        log.warning("%s", told)
    source = None
    if config.uses_source:
        source = open_source(
            data.source,
            **data.reading(),
            cache=workdir.scans,
            report=workdir.bad_images("source"),
            tell=lambda line: tell(f"source: {line}"),
        )
        if data.source_rows:
            source = source.subset(kept_rows(data.source_rows, source, "--source_rows"))
        for images in (target, *scored.values()):
            check_disjoint(images, source)
    return Sets(target, source=source, **scored)


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


def _open(spec: str, role: str, config: RunConfig, workdir: Workdir, tell: Callable[[str], object]) -> ImageSet:
    return open_image_set(
        spec,
        **config.data.reading(),
        cache=workdir.scans,
        report=workdir.bad_images(role),
        tell=lambda line: tell(f"{role}: {line}"),
    )


def descriptor_view(config: RunConfig) -> View:
    """The part of an image that the filter bank sees."""
    return View(config.retrieval.descriptor_resize, config.retrieval.descriptor_crop)


def for_descriptors(config: RunConfig, images: ImageSet) -> ImageSet:
    """The images as the filter bank gets them."""
    return images.reduced(config.retrieval.descriptor_resize) if config.retrieval.reduced_decoding else images


def network_view(config: RunConfig) -> View:
    """The part of an image that the network sees when it is evaluated."""
    return View(config.view.resize, config.view.image_size)


def evaluation_views(config: RunConfig) -> list[View]:
    """The views whose predictions are averaged for the figures."""
    kind, sides = config.evaluation.eval_views, config.evaluation.sides()
    return views_of(kind, config.view.resize, config.view.image_size, sides)


def views_stamp(config: RunConfig) -> str:
    """What figures and probabilities are made from beside weights and images: the views, as text."""
    views = evaluation_views(config)
    sides = ", ".join(str(view.crop) for view in views)
    return config.evaluation.eval_views + (f" {sides}" if config.evaluation.eval_views == "dense" else "")


def filter_bank(config: RunConfig) -> FilterBank:
    """The configured filter bank.

    Raises:
        InputError: --bank=features, which has none; or see `open_bank`.
    """
    settings = config.retrieval
    if settings.bank == "features":
        raise InputError(
            "--bank=features compares images by the trunk's features: it has no filters to describe or explain images "
            "with. Choose a filter bank such as --bank=gabor."
        )
    return open_bank(
        settings.bank,
        layers=tuple(settings.bank_layers),
        weights=settings.bank_weights,
        before_nonlinearity=settings.bank_before_nonlinearity,
    )
