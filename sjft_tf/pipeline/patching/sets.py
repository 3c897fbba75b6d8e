"""The images with objects that patches are learned from and judged on."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ObjectSet, check_disjoint, object_splits, open_objects
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)


def open_object_sets(
    config: RunConfig, workdir: Workdir, tell: Callable[[str], object] = log.info
) -> tuple[ObjectSet, ObjectSet]:
    """`(training, test)`, of the same classes.

    Raises:
        InputError: bad images or boxes, no test images, classes only in the test set, fewer than two classes.
    """
    data = config.data
    if not data.target:
        raise InputError("Name the images to learn from, e.g. --target=scenes or --target=coco:FILE.json?images=DIR")
    splits = object_splits(data.target)
    training = _open(splits.get("train", data.target), "target", config, workdir, tell)
    spec = data.test or splits.get("test", "") or splits.get("validation", "")
    if data.holdout_test and spec:
        raise InputError("--holdout_test is for a target without test images, and this one has some: leave it out")
    if data.holdout_test:
        training, test = _held_out(training, data.holdout_test)
    elif spec:
        test = _open(spec, "test", config, workdir, tell)
        check_disjoint(training.images, test.images)
    else:
        raise InputError(
            f"'{data.target}' brings no test images to judge patches by. Name some with --test, or set a share of the "
            "images aside with --holdout_test=0.3"
        )
    used = np.flatnonzero(training.present.any(axis=0))
    if len(used) < 2:
        raise InputError(f"'{training.name}' must have objects of at least 2 classes. Received: {len(used)}")
    if len(used) < training.num_classes:
        lost = training.class_names[np.setdiff1d(np.arange(training.num_classes), used)[0]]
        raise InputError(f"No training image of '{training.name}' has the class '{lost}'. Every class needs some")
    return training, test.aligned(training.class_names)


def _open(spec: str, role: str, config: RunConfig, workdir: Workdir, tell: Callable[[str], object]) -> ObjectSet:
    reading = config.data.reading()
    return open_objects(
        spec,
        bad_images=reading["bad_images"],
        max_pixels=reading["max_pixels"],
        value_range=reading["value_range"],
        cache=workdir.scans,
        report=workdir.bad_images(role),
        tell=lambda line: tell(f"{role}: {line}"),
    )


def _held_out(objects: ObjectSet, share: float) -> tuple[ObjectSet, ObjectSet]:
    """By the images' names alone, so that runs of all seeds leave the same images alone."""
    order = np.random.default_rng(0).permutation(len(objects))
    count = min(len(objects) - 1, max(1, round(share * len(objects))))
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return objects.subset(kept, f"{objects.name} (training)"), objects.subset(held, f"{objects.name} (held out)")
