"""Learns a target of several objects an image patch by patch, judges it, draws heat maps, and exports it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.patches import PatchModel, PatchNetwork
from sjft_tf.pipeline.networks import starting_trunk
from sjft_tf.pipeline.patching.judging import exponents, judge
from sjft_tf.pipeline.patching.learning import PatchLearning
from sjft_tf.pipeline.patching.results import write_results
from sjft_tf.pipeline.patching.sets import open_object_sets
from sjft_tf.report import write_report
from sjft_tf.workdir import ComparisonFiles, Workdir


def patches(config: RunConfig, settings: PatchConfig, workdir: Workdir) -> Iterator[str]:
    """Does all that is not done yet, and yields what was found."""
    _refuse_other_runs(workdir)
    training, test = open_object_sets(config, workdir)
    with workdir.timed("network"):
        keras.utils.set_random_seed(config.training.seed)  # --weights=none must be the same at every start
        network = PatchNetwork(
            starting_trunk(config),
            settings.patch_features,
            settings.patch_scales,
            settings.smallest_patch,
            settings.patch_overlap,
        )
    how = "dense, the network runs over the whole image" if network.dense else "separate, the network runs for each"
    count = len(network.patches(*training.images.load(0).shape[:2]))
    yield f"   patches: {count} of the first image at {len(network.tiling.shorter_sides)} scales; {how}"
    with workdir.timed("features and training"):
        learned = PatchLearning(config, settings, workdir, network, training).learn()
    yield f"   trained: on {learned.patches} patches of {len(training)} images, {learned.background} of them background"
    model = PatchModel(network, learned.head, exponents(settings), settings.heat_side, settings.heat == "mean")
    with workdir.timed("scoring"):
        judged = judge(settings, workdir, model, learned, test)
    with workdir.timed("results"):
        record = write_results(config, settings, workdir, model, learned, judged, (training, test))
        page = write_report(workdir.root)
    yield from _told(record)
    yield f" heat maps: {len(record['pictures'])} pictures in {workdir.heat_maps}"
    yield f"     model: {workdir.saved_model}"
    yield f"      page: {page}"
    yield f"   details: {workdir.patches_record}, {workdir.predictions}"


def _refuse_other_runs(workdir: Workdir) -> None:
    for other in (workdir.config, workdir.root / ComparisonFiles.RECORD):
        if other.exists():
            raise InputError(f"{workdir.root} is the workdir of another run ({other.name}). Choose another --workdir")


def _told(record: dict[str, Any]) -> Iterator[str]:
    means = record["mean_average_precision"]
    yield "       mAP: " + ", ".join(f"{name} {100 * value:.1f} %" for name, value in means.items())
    where = record["localization"]
    if where is not None:
        yield (
            f" localized: {100 * where['right']:.1f} % of {where['objects']} maps are highest in a box of their class "
            f"(a random place: {100 * where['random']:.1f} %, the middle of the image: {100 * where['center']:.1f} %)"
        )
