"""What the patches say of test images, block by block, and the figures made of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import PatchConfig
from sjft_tf.images import ObjectSet, refuse_changed
from sjft_tf.patches import PatchModel, average_precisions, fit_whole_image, in_a_box, peaks
from sjft_tf.pipeline.patching.blocks import Arrays, blocks
from sjft_tf.pipeline.patching.learning import Learned
from sjft_tf.schema import Array, Schema
from sjft_tf.workdir import Workdir

_SCHEMA = Schema(
    {
        "scores": Array("float32", ("images", "exponents", "classes"), low=0),
        "peaks": Array("float32", ("images", "classes", 2), low=0),
        "whole": Array("float32", ("images", "views", "width")),
        "sizes": Array("int32", ("images", 2), low=1),
    },
    {"made_from": dict},
)


def exponents(settings: PatchConfig) -> tuple[float, ...]:
    """Those whose figures are told: the one that counts, the lecture's 1 and the paper's 5."""
    return tuple(dict.fromkeys((settings.score_power, 1.0, 5.0)))


def judge(settings: PatchConfig, workdir: Workdir, model: PatchModel, learned: Learned, objects: ObjectSet) -> Arrays:
    """The arrays of `_SCHEMA` of all test images, found or made."""
    stamp = {
        "head": artifacts.fingerprint(*dataclasses.astuple(learned.head)),
        "network": artifacts.fingerprint(dict(learned.stamp)),
        "test images": objects.images.fingerprint,
        "scores": [list(exponents(settings)), settings.heat, settings.heat_side],
    }

    def make(rows: np.ndarray) -> Arrays:
        scores, found, whole, sizes = [], [], [], []
        for row in rows:
            image = objects.images.load(int(row)).numpy()
            score, heat = model(image)
            scores.append(score)
            found.append(peaks(heat, *image.shape[:2]))
            whole.append(model.network.whole_image(image))
            sizes.append(image.shape[:2])
        return {
            "scores": np.stack(scores),
            "peaks": np.stack(found).astype(np.float32),
            "whole": np.stack(whole),
            "sizes": np.array(sizes, np.int32),
        }

    folder = workdir.patches / "test"
    parts = list(blocks(folder, stamp, _SCHEMA, len(objects), make, "Scoring test images", replaceable=True))
    refuse_changed(objects.images)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def figures(
    settings: PatchConfig,
    training: ObjectSet,
    test: ObjectSet,
    learned: Learned,
    judged: Arrays,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Average precision of patches and of whole images, and how often heat maps are highest in the right box.

    Args:
        names: of the views of whole images.

    Returns:
        JSON-able: `mean_average_precision` by name, `classes` (one entry each), `localization` (None without boxes),
        `whole_image_strengths`.
    """
    present, by_name = test.present, {}
    for place, exponent in enumerate(exponents(settings)):
        by_name[f"patches, exponent {exponent:g}"] = average_precisions(present, judged["scores"][:, place])
    strengths = {}
    for view, name in enumerate(names):
        scores, strengths[name] = fit_whole_image(learned.whole[:, view], training.present, seed=0)
        by_name[name] = average_precisions(present, scores(judged["whole"][:, view]))
    hits = localized(test, judged) if test.boxes is not None else None
    classes = []
    for c, name in enumerate(test.class_names):
        entry: dict[str, Any] = {"name": name, "images": int(present[:, c].sum())}
        entry["average_precision"] = {key: _known(value[c]) for key, value in by_name.items()}
        if hits is not None:
            entry["localized"] = int(hits["right"][hits["classes"] == c].sum())
        classes.append(entry)
    return {
        "mean_average_precision": {name: _known(np.nanmean(value)) for name, value in by_name.items()},
        "whole_image_strengths": strengths,
        "localization": None
        if hits is None
        else {
            "objects": len(hits["right"]),
            **{name: float(hits[name].mean()) for name in ("right", "random", "center")},
        },
        "classes": classes,
    }


def localized(objects: ObjectSet, judged: Arrays) -> Arrays:
    """Of each class that an image has: whether its map is highest in one of its boxes.

    Returns:
        `classes` int [M]; `right` bool [M]; and what to compare with: `random` float [M], the share of the image that
        these boxes cover, `center` bool [M], whether the middle of the image lies in one.
    """
    found: dict[str, list[Any]] = {"classes": [], "right": [], "random": [], "center": []}
    for row, (height, width) in enumerate(judged["sizes"]):
        classes, boxes = objects.objects(row)
        if boxes is None:
            continue
        for c in np.unique(classes):
            own = boxes[classes == c]
            cover = np.zeros((height, width), bool)
            for x0, y0, x1, y1 in np.round(own).astype(int):
                cover[y0:y1, x0:x1] = True
            found["classes"].append(int(c))
            found["right"].append(in_a_box(judged["peaks"][row, c], own))
            found["random"].append(float(cover.mean()))
            found["center"].append(in_a_box(np.array([width / 2, height / 2]), own))
    return {name: np.array(values) for name, values in found.items()}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
