"""What is left for the user: figures, predictions, pictures, model; made once for the same head and test images."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np

from sjft_tf import artifacts, outputs
from sjft_tf.config import PatchConfig, RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.export import check_exported, export_patches
from sjft_tf.images import ObjectSet
from sjft_tf.patches import PatchModel
from sjft_tf.pipeline.patching.blocks import Arrays
from sjft_tf.pipeline.patching.judging import figures
from sjft_tf.pipeline.patching.learning import Learned
from sjft_tf.pipeline.patching.pictures import draw_heat_maps
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

FORMAT = "sjft_tf patches, version 1"
_FIGURES = {"stamp": str, "mean_average_precision": dict, "localization": (dict, None), "pictures": [dict], "*": object}


def write_results(
    config: RunConfig,
    settings: PatchConfig,
    workdir: Workdir,
    model: PatchModel,
    learned: Learned,
    judged: Arrays,
    sets: tuple[ObjectSet, ObjectSet],
) -> dict[str, Any]:
    """The record of patches.json, with everything beside it written; found again if made from the same."""
    training, test = sets
    stamp = artifacts.fingerprint(dict(learned.stamp), test.fingerprint, dataclasses.asdict(settings))
    if (found := _found(workdir, stamp)) is not None:
        return found
    shown = [int(row) for row in dict.fromkeys(test.rows.tolist())][: settings.heat_pictures]
    pictures = draw_heat_maps(model, test, shown, workdir.heat_maps)
    _write_predictions(workdir.predictions, test, judged["scores"][:, 0])
    export_patches(model, training.class_names, workdir.saved_model, learned.stamp, config.data.values())
    network = model.network
    record = {
        "format": FORMAT,
        "stamp": stamp,
        "target": training.name,
        "test": test.name,
        "images": {"training": len(training), "test": len(test)},
        "boxes": training.boxes is not None,
        "patches": {
            "first_image": len(network.patches(*judged["sizes"][0])),
            "dense": network.dense,
            "trained_on": learned.patches,
            "background": learned.background,
        },
        "settings": {
            **{name: getattr(config.model, name) for name in ("trunk", "alpha", "weights")},
            "image_size": config.view.image_size,
            "seed": config.training.seed,
            **dataclasses.asdict(settings),
        },
        **figures(settings, training, test, learned, judged, network.whole_names),
        "pictures": [
            {"file": path.name, "id": str(test.images.ids[row])} for path, row in zip(pictures, shown, strict=True)
        ],
    }
    outputs.record(workdir.predictions)
    if pictures:
        outputs.record(*pictures)
    artifacts.write_json(workdir.patches_record, record)
    return record


def _found(workdir: Workdir, stamp: str) -> dict[str, Any] | None:
    path = workdir.patches_record
    if not path.is_file():
        return None
    try:
        record = artifacts.read_json(path, _FIGURES)
        check_exported(workdir.saved_model)
    except InputError as error:
        log.warning("%s It is made again.", error)
        return None
    pictures = [workdir.heat_maps / Path(one["file"]).name for one in record["pictures"]]
    intact = outputs.intact(workdir.predictions, *pictures)
    return record if intact and record["stamp"] == stamp else None


def _write_predictions(path: Path, objects: ObjectSet, scores: np.ndarray) -> None:
    with artifacts.atomic_write(path, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["id", "classes", *(f"score:{name}" for name in objects.class_names)])
        for row, (name, present) in enumerate(zip(objects.images.ids, objects.present, strict=True)):
            classes = "|".join(objects.class_names[c] for c in np.flatnonzero(present))
            writer.writerow([str(name), classes, *(f"{score:.6g}" for score in scores[row])])
