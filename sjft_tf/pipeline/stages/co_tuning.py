"""--co_tuning: which source classes each target class looks like, found in the workdir or learned."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from scipy.special import softmax

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.models import JointModel, Relationship, class_relationship
from sjft_tf.pipeline.inputs import Sets
from sjft_tf.pipeline.stages.heads import alone_in, features_of, fitted_head, head_stamp
from sjft_tf.schema import Array, Schema
from sjft_tf.training import ALONE, Cluster
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

_SCHEMA = Schema(
    {"source_given_target": Array("float32", ("target classes", "source classes"), low=0, high=1.001)},
    {"made_from": dict, "l2": float, "accuracy?": float},
)


def source_given_target(
    config: RunConfig, sets: Sets, model: JointModel, workdir: Workdir, cluster: Cluster = ALONE
) -> np.ndarray | None:
    """p(source class | target class), float32 [C_t, C_s], in all processes; None without --co_tuning.

    By the fitted source head, whatever the model's begins as, on the trunk as the model has it.

    Args:
        config: all settings.
        sets: with a source.
        model: with its starting weights.
        workdir: its `heads` keep the source's head and the relationship.
        cluster: the devices.

    Raises:
        InputError: the features are not finite, or there is no source.
    """
    if not config.co_tuning:
        return None

    def find() -> dict[str, np.ndarray]:
        with workdir.timed("fitting heads"):
            return {"relationship": _relationship(config, sets, model, workdir).source_given_target}

    return cluster.once(find)["relationship"]


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
