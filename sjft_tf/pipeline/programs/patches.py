"""Learns a target of several objects an image patch by patch, judges it, draws heat maps, and exports it."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.export import export_patches
from sjft_tf.images import ObjectSet
from sjft_tf.patches import PatchModel, PatchNetwork
from sjft_tf.pipeline.networks import starting_trunk
from sjft_tf.pipeline.patching.judging import exponents, figures, judge
from sjft_tf.pipeline.patching.learning import PatchLearning
from sjft_tf.pipeline.patching.pictures import draw_heat_maps
from sjft_tf.pipeline.patching.sets import open_object_sets
from sjft_tf.report import write_report
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

FORMAT = "sjft_tf patches, version 1"


def patches(config: RunConfig, settings: PatchConfig, workdir: Workdir) -> Iterator[str]:
    """Does all that is not done yet, and yields what was found."""
    _refuse_other_runs(workdir)
    begun = time.perf_counter()
    training, test = open_object_sets(config, workdir)
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
    learned = PatchLearning(config, settings, workdir, network, training).learn()
    yield (
        f"   trained: on {learned.patches} patches of {len(training)} images, {learned.background} of them background"
    )
    model = PatchModel(network, learned.head, exponents(settings), settings.heat_side, settings.heat == "mean")
    judged = judge(settings, workdir, model, learned, test)
    found = figures(settings, training, test, learned, judged, network.whole_names)
    yield from _told(found)
    shown = [int(row) for row in dict.fromkeys(test.rows.tolist())][: settings.heat_pictures]
    pictures = draw_heat_maps(model, test, shown, workdir.heat_maps)
    _write_predictions(workdir.predictions, test, judged["scores"][:, 0])
    record = {
        "format": FORMAT,
        "target": training.name,
        "test": test.name,
        "images": {"training": len(training), "test": len(test)},
        "boxes": training.boxes is not None,
        "patches": {"first_image": count, "dense": network.dense, "trained_on": learned.patches}
        | {"background": learned.background},
        "settings": {**dataclasses.asdict(settings), **_network_settings(config)},
        **found,
        "pictures": [
            {"file": path.name, "id": str(test.images.ids[row])} for path, row in zip(pictures, shown, strict=True)
        ],
        "seconds": round(time.perf_counter() - begun, 1),
    }
    artifacts.write_json(workdir.patches_record, record)
    outputs.record(workdir.predictions)
    export_patches(model, training.class_names, workdir.saved_model, learned.stamp, config.data.values())
    page = write_report(workdir.root)
    yield f"  heat maps: {len(pictures)} pictures in {workdir.heat_maps}"
    yield f"     model: {workdir.saved_model}"
    yield f"      page: {page}"
    yield f"   details: {workdir.patches_record}, {workdir.predictions}"


def _refuse_other_runs(workdir: Workdir) -> None:
    for other in (workdir.config, workdir.root / "comparison.json"):
        if other.exists():
            raise InputError(f"{workdir.root} is the workdir of another run ({other.name}). Choose another --workdir")


def _network_settings(config: RunConfig) -> dict[str, Any]:
    model = config.model
    return {"trunk": model.trunk, "alpha": model.alpha, "weights": model.weights} | {
        "image_size": config.view.image_size,
        "seed": config.training.seed,
    }


def _told(found: dict[str, Any]) -> Iterator[str]:
    means = ", ".join(f"{name} {100 * value:.1f} %" for name, value in found["mean_average_precision"].items())
    yield f"       mAP: {means}"
    where = found["localization"]
    if where is not None:
        yield (
            f"  localized: {100 * where['right']:.1f} % of {where['objects']} maps are highest in a box of their class "
            f"(a random place: {100 * where['random']:.1f} %, the middle of the image: {100 * where['center']:.1f} %)"
        )


def _write_predictions(path: Path, objects: ObjectSet, scores: np.ndarray) -> None:
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "classes", *(f"score:{name}" for name in objects.class_names)])
        for row, (name, present) in enumerate(zip(objects.images.ids, objects.present, strict=True)):
            classes = "|".join(objects.class_names[c] for c in np.flatnonzero(present))
            writer.writerow([str(name), classes, *(f"{score:.6g}" for score in scores[row])])
