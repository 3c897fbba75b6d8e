"""--selector=class_importance: which source classes the target is taken for, found in the workdir or made."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.csv_files import Writer
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.models import Scaling, fit_softmax_head, softmax_head, spread_rows, trunk_features
from sjft_tf.pipeline.inputs import Sets, network_view
from sjft_tf.pipeline.networks import starting_stamp, starting_trunk
from sjft_tf.schema import Array, Schema
from sjft_tf.selection import ClassWeights, class_weights, importance_pool
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

MOST_IMAGES = 100_000
"""Source images the head is fitted to; of larger sources so many are taken, of every class its share."""


_SCHEMA = Schema(
    {
        "target": Array("float64", ("classes",), low=0, high=1.001),
        "source": Array("float64", ("classes",), low=0, high=1.001),
        "weight": Array("float64", ("classes",), low=0),
    },
    {"made_from": dict},
)


@dataclass(frozen=True)
class ClassImportance:
    """Importance of the source's classes, and what is borrowed by it.

    Attributes:
        weights: P_t, P_s and w of each class.
        pool: int32 [M], source rows, see `selection.importance_pool`.
    """

    weights: ClassWeights
    pool: np.ndarray


def class_importance(config: RunConfig, sets: Sets, workdir: Workdir) -> ClassImportance:
    """The importances, from the workdir or made now, and the pool; writes `class_importance.csv`.

    The pool has `source_share` of the source's size, which is what `nearest` with k0=auto begins with.

    Raises:
        ArtifactMismatch: there are importances, but of other images, trunk, weights or view.
        InputError: there is no source, no such trunk or weights.
    """
    if sets.source is None:
        raise InputError("There is nothing to borrow from: give --source, and a --selector other than none")
    source = sets.source

    def make() -> ClassWeights:
        with workdir.timed("class importance"):
            weights = _made(config, sets.target, source, workdir)
            refuse_changed(sets.target, source)
            return weights

    weights = _artifact(config, sets, workdir).get(make)
    labels, share = sets.source.labels, config.selection.source_share
    size = max(1, int(np.ceil(share * len(labels) - 1e-9)))
    pool = importance_pool(weights.target, labels, size, config.training.seed)
    _write_csv(sets.source, weights, pool, workdir)
    return ClassImportance(weights, pool)


def check_importance(config: RunConfig, sets: Sets, workdir: Workdir) -> None:
    """Raises ArtifactMismatch if there are importances, but of other images, trunk, weights or view."""
    if workdir.importance.exists():  # else the weights need not be read
        _artifact(config, sets, workdir).stored()


def importance_lines(config: RunConfig, sets: Sets, workdir: Workdir) -> list[str]:
    """What scripts/retrieve.py shows in place of a table: the most important classes, and how much is borrowed."""
    source, importance = sets.source_images(), class_importance(config, sets, workdir)
    weights, images = importance.weights, len(np.unique(importance.pool))
    lines = [f"  {'importance':>10}  {'P_t':>7}  {'P_s':>7}  source class"]
    for label in np.argsort(-weights.weight, kind="stable")[:10]:
        numbers = f"{weights.weight[label]:10.3f}  {weights.target[label]:7.4f}  {weights.source[label]:7.4f}"
        lines.append(f"  {numbers}  {source.class_names[label]}")
    part = images / len(source)
    lines.append(f"  borrows {images} of {len(source)} source images ({part:.1%}) in {len(importance.pool)} places")
    return [*lines, f"  list: {workdir.importance_csv}"]


def _artifact(config: RunConfig, sets: Sets, workdir: Workdir) -> artifacts.Artifact[ClassWeights]:
    def load(path: Path) -> tuple[ClassWeights, artifacts.Stamp]:
        arrays, meta = artifacts.load_npz(path, _SCHEMA)
        return ClassWeights(**arrays), meta["made_from"]

    def save(path: Path, weights: ClassWeights, made_from: artifacts.Stamp) -> None:
        artifacts.save_npz(path, weights._asdict(), {"made_from": made_from})

    def unfit(weights: ClassWeights) -> str | None:
        count, classes = len(weights.weight), sets.source_images().num_classes
        return None if count == classes else f"it is of {count} source classes, there are {classes}"

    return artifacts.Artifact(workdir.importance, _made_from(config, sets), load, save, unfit=unfit)


def _made_from(config: RunConfig, sets: Sets) -> artifacts.Stamp:
    head = [softmax_head.STRENGTHS, softmax_head.STEPS, softmax_head.TOLERANCE, softmax_head.HELD_OUT, MOST_IMAGES]
    return {
        "target": sets.target.fingerprint,
        "source": sets.source_images().fingerprint,
        "head": artifacts.fingerprint("l-bfgs", 1, head),
        **starting_stamp(config),
    }


def _made(config: RunConfig, target: ImageSet, source: ImageSet, workdir: Workdir) -> ClassWeights:
    rows = spread_rows(source.labels, MOST_IMAGES)
    chosen = source if len(rows) == len(source) else source.subset(rows)
    features = trunk_features(
        *(starting_trunk(config), [target, chosen], network_view(config), workdir.root),
        config.training.eval_batch_size,
    )
    ours, theirs = features[: len(target)], features[len(target) :]
    scaling = Scaling.of(theirs, np.arange(len(theirs)))
    head = fit_softmax_head(theirs, chosen.labels, source.num_classes, scaling)
    log.info("source head: %s", head.summary())
    return class_weights(head.mean_probability(ours), source.labels)


def _write_csv(source: ImageSet, weights: ClassWeights, pool: np.ndarray, workdir: Workdir) -> None:
    drawn = np.bincount(source.labels[pool], minlength=source.num_classes)
    different = np.bincount(source.labels[np.unique(pool)], minlength=source.num_classes)
    with artifacts.atomic_write(workdir.importance_csv, "w") as stream:
        writer = Writer(stream)
        writer.writerow(["class", "target_probability", "source_frequency", "importance", "places", "images"])
        for y in np.argsort(-weights.weight, kind="stable"):
            numbers = (f"{values[y]:.8g}" for values in weights)
            writer.writerow([source.class_names[y], *numbers, drawn[y], different[y]])
