"""--co_tuning: which source classes each target class looks like, found in the workdir or learned."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from scipy.special import softmax

from sjft_tf import artifacts
from sjft_tf.config import RELATED, RunConfig
from sjft_tf.models import CoTuning, JointModel, Relationship, class_relationship, related
from sjft_tf.pipeline.stages.heads import alone_in, features_of, fitted_head, head_stamp
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.training import ALONE, Cluster
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_SCHEMA = Schema(
    {"source_given_target": Array("float32", ("target classes", "source classes"), low=0, high=1.001)},
    {"made_from": dict, "l2": float, "accuracy?": float},
)


def co_tuning_of(
    config: RunConfig, sets: Sets, model: JointModel, workdir: Workdir, cluster: Cluster = ALONE
) -> CoTuning | None:
    """What the source head is taught on target images, in all processes; None without --co_tuning.

    By the fitted source head, whatever the model's begins as, on the trunk as the model has it. None also with
    --co_tuning=related where the source's classes do not tell the target's.

    Args:
        config: all settings.
        sets: with a source.
        model: with its starting weights.
        workdir: its `heads` keep both heads and the relationship.
        cluster: the devices.

    Raises:
        InputError: the features are not finite, or there is no source.
    """
    if not config.co_tuning:
        return None
    if sets.target.label_matrix is not None:
        log.info("co-tuning: left out. It goes by the one class of each target image, and these may have several")
        return None

    def find() -> dict[str, np.ndarray]:
        with workdir.timed("fitting heads"):
            found = _relationship(config, sets, model, workdir)
            taught = config.training.co_tuning != RELATED or _related(config, sets, model, workdir, found)
        return {"relationship": found.source_given_target, "taught": np.array(taught)}

    arrays = cluster.once(find)
    return CoTuning(config.co_tuning, arrays["relationship"]) if arrays["taught"] else None


def _related(config: RunConfig, sets: Sets, model: JointModel, workdir: Workdir, found: Relationship) -> bool:
    head = fitted_head(config, "target", sets, model, workdir)
    if related(found.accuracy, head.accuracy, sets.target.num_classes):
        return True
    log.info(
        "co-tuning: left out. The source's classes tell %.1f%% of held-out target images, the trunk's features %.1f%%: "
        "they have too little to do with the target's (--co_tuning=WEIGHT does it all the same)",
        100 * found.accuracy,
        100 * head.accuracy,
    )
    return False


def _relationship(config: RunConfig, sets: Sets, model: JointModel, workdir: Workdir) -> Relationship:
    head = fitted_head(config, "source", sets, model, workdir)
    made_from = {
        "head": artifacts.fingerprint(head_stamp(config, "source", sets)),
        "target": head_stamp(config, "target", sets),
    }
    path = workdir.heads / f"relationship-{artifacts.fingerprint(made_from)[:8]}.npz"

    def make() -> Relationship:
        features, labels = features_of(config, sets.target, model, workdir)
        p = softmax(head.log_probabilities(features) / head.temperature, axis=1)
        found = class_relationship(p, labels, sets.target.num_classes)
        told = "nobody to judge it" if np.isnan(found.accuracy) else f"right on {found.accuracy:.1%} of held-out images"
        log.info(
            "co-tuning: source classes (temperature %.2f) tell the target's: l2 %g, %s",
            head.temperature,
            found.l2,
            told,
        )
        return found

    with alone_in(workdir.heads):
        return artifacts.Artifact(path, made_from, _load, _save, replaceable=True).get(make)


def _load(path: Path) -> tuple[Relationship, artifacts.Stamp]:
    arrays, meta = artifacts.load_npz(path, _SCHEMA)
    found = Relationship(arrays["source_given_target"], meta["l2"], meta.get("accuracy", float("nan")))
    return found, meta["made_from"]


def _save(path: Path, found: Relationship, made_from: artifacts.Stamp) -> None:
    judged = {} if np.isnan(found.accuracy) else {"accuracy": found.accuracy}
    arrays = {"source_given_target": found.source_given_target}
    artifacts.save_npz(path, arrays, {"made_from": made_from, "l2": found.l2, **judged})
