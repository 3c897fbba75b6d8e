"""--head_start=fitted: before training, both heads become convex softmax heads on what the starting trunk sees.

A head that starts at random sends its own errors into the trunk until it has learned what a linear classifier would
have known at once (linear probing, then fine-tuning: Kumar et al. 2022, arXiv 2202.10054).
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet, refuse_changed
from sjft_tf.models import (
    JointModel,
    Scaling,
    SoftmaxHead,
    balanced_weights,
    fit_by_folds,
    fit_several_labels,
    fit_softmax_head,
    log_odds,
    softmax_head,
    spread_rows,
    temperature,
    trunk_features,
    trunk_of,
)
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import adapted_stamp, starting_stamp
from sjft_tf.pipeline.sharding.featuring import features_elsewhere, looking_for
from sjft_tf.run_sets import Sets
from sjft_tf.schema import Array, Schema
from sjft_tf.training import ALONE, Cluster
from sjft_tf.workdir import Workdir

log = logging.getLogger(__name__)

MOST_IMAGES = 20_000
"""Images a head is fitted to; of larger sets so many are taken, of every class its share."""
MOST_IN_FOLDS = 5_000
"""Of more images a held-out tenth judges the strength as well as folds do, in a fifth of the time."""

_SCHEMA = Schema(
    {
        "weights": Array("float64", ("inputs", "classes")),
        "mean": Array("float64", ("features",)),
        "factor": Array("float64", (), low=0),
    },
    {"made_from": dict, "l2": float, "held_out": int, "accuracy?": float, "temperature": float},
)


def start_heads(config: RunConfig, sets: Sets, model: JointModel, workdir: Workdir, cluster: Cluster = ALONE) -> None:
    """Gives the heads of the joint model the weights they begin with; nothing with --head_start=random.

    The chief fits them, or finds them in `workdir.heads`. What the trunk is when this is called is what they are
    fitted to: whatever changes it, its batch statistics for instance, has to come before.

    Args:
        config: all settings.
        sets: the images; the source's only if the model has a head for it.
        model: with its starting weights, changed in place.
        workdir: where the fitted heads lie.
        cluster: the devices.

    Raises:
        InputError: the features are not finite.
    """
    if sets.target.label_matrix is not None:
        _expect_frequencies(model, sets.target)
    if config.model.head_start == "random":
        return
    if config.model.weights == "none" and not config.model.adapt_steps:
        log.info(
            "the heads start at random, as the trunk does (--head_start=fitted looks through the trunk's --weights)"
        )
        return
    roles = sorted(model.output)

    def dense() -> dict[str, np.ndarray]:
        arrays = {}
        with workdir.timed("fitting heads"):
            for role in roles:
                head = fitted_head(config, role, sets, model, workdir)
                arrays[f"{role}_kernel"], arrays[f"{role}_bias"] = head.dense()
        return arrays

    arrays = cluster.once(dense)
    for role in roles:
        model.get_layer(f"{role}_head").set_weights([arrays[f"{role}_kernel"], arrays[f"{role}_bias"]])


def _expect_frequencies(model: JointModel, target: ImageSet) -> None:
    """Lets the sigmoids of a random head begin with how frequent their classes are, instead of a half each.

    With many classes of which an image has few, the first steps would do nothing but learn that.
    """
    head = model.get_layer("target_head")
    head.set_weights([head.get_weights()[0], log_odds(target.truth).astype(np.float32)])


def fitted_head(config: RunConfig, role: str, sets: Sets, model: JointModel, workdir: Workdir) -> SoftmaxHead:
    """The head of the target's or the source's images on the features of the model's trunk, found or fitted.

    Args:
        config: all settings.
        role: "target" or "source".
        sets: of these a share of every class, if they are more than `MOST_IMAGES`.
        model: its trunk makes the features.
        workdir: its `heads` may be shared by several runs, which fit no head twice.
    """
    images, made_from = images_of(role, sets), head_stamp(config, role, sets)
    path = workdir.heads / f"{role}-{artifacts.fingerprint(made_from)[:8]}.npz"

    def make() -> SoftmaxHead:
        features, labels = features_of(config, images, model, workdir)
        weights = balanced_weights(labels, images.num_classes) if labels.ndim == 1 and _balanced(config, role) else None
        head = _fit(role, features, labels, images.num_classes, weights)
        told = head.summary()
        if labels.ndim == 2:
            told = f"a logistic regression for each of {images.num_classes} classes, l2 {head.l2:g} in the middle"
        log.info("%s head: %s", role, told)
        refuse_changed(images)
        return head

    with alone_in(workdir.heads):
        return artifacts.Artifact(path, made_from, _load, _save, replaceable=True).get(make)


def features_of(
    config: RunConfig, images: ImageSet, model: JointModel, workdir: Workdir
) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 [N, F] and labels [N] of at most `MOST_IMAGES` images, seen as for evaluation.

    Where images may have several labels these are bool [N, C].
    """
    rows = spread_rows(images.labels, MOST_IMAGES)
    chosen = images if len(rows) == len(images) else images.subset(rows)
    trunk = trunk_of(model)
    features = trunk_features(
        *(trunk, [chosen], network_view(config), workdir.heads, config.training.eval_batch_size),
        features_elsewhere(trunk, looking_for(config), workdir),
    )
    return features, chosen.truth


def images_of(role: str, sets: Sets) -> ImageSet:
    """The training images that a head is for."""
    return sets.target if role == "target" else sets.source_images()


def head_stamp(config: RunConfig, role: str, sets: Sets) -> artifacts.Stamp:
    """What a fitted head depends on: images, the trunk as the model has it, view, how it is fitted."""
    fit = softmax_head
    how = [fit.STRENGTHS, fit.STEPS, fit.TOLERANCE, fit.HELD_OUT, fit.FOLDS]
    settings = config.model
    return {
        "images": images_of(role, sets).fingerprint,
        "role": role,
        "fit": artifacts.fingerprint("l-bfgs", 1, how, [MOST_IMAGES, MOST_IN_FOLDS]),
        "precision": settings.precision,
        **({"class_weight": "balanced"} if _balanced(config, role) else {}),
        # Its random layers are drawn from the seed.
        "reset_from": [settings.reset_from, config.training.seed] if settings.reset_from else [],
        "adapted": adapted_stamp(config, sets.source_images()) if settings.adapt_steps else {},
        **starting_stamp(config),
    }


def _balanced(config: RunConfig, role: str) -> bool:
    # Training lets the target's classes count alike, by weights or by how they are drawn: so does what it begins with.
    return role == "target" and config.training.balances_classes


def _fit(
    role: str, features: np.ndarray, labels: np.ndarray, num_classes: int, class_weights: np.ndarray | None
) -> SoftmaxHead:
    # Features that are all the same tell nothing: what is left is how frequent the classes are.
    same = not np.ptp(features, axis=0).any()
    scaling = (
        Scaling(np.asarray(features[0], np.float64), 1.0) if same else Scaling.of(features, np.arange(len(features)))
    )
    few = role == "target" and len(features) <= MOST_IN_FOLDS
    if labels.ndim == 2:
        return fit_several_labels(features, labels, scaling, few)
    if few:
        return fit_by_folds(features, labels, num_classes, scaling, class_weights)
    head = fit_softmax_head(features, labels, num_classes, scaling, class_weights)
    held = np.flatnonzero(softmax_head.held_out_rows(labels, num_classes))
    return replace(head, temperature=temperature(head.log_probabilities(features[held]), labels[held]))


def _load(path: Path) -> tuple[SoftmaxHead, artifacts.Stamp]:
    arrays, meta = artifacts.load_npz(path, _SCHEMA)
    scaling = Scaling(arrays["mean"], float(arrays["factor"]))
    accuracy = meta.get("accuracy", float("nan"))
    head = SoftmaxHead(arrays["weights"], scaling, meta["l2"], meta["held_out"], accuracy, meta["temperature"])
    return head, meta["made_from"]


def _save(path: Path, head: SoftmaxHead, made_from: artifacts.Stamp) -> None:
    arrays = {"weights": head.weights, "mean": head.scaling.mean, "factor": np.array(head.scaling.factor)}
    meta = {"l2": head.l2, "held_out": head.held_out, "temperature": head.temperature}
    judged = {"accuracy": head.accuracy} if head.held_out else {}
    artifacts.save_npz(path, arrays, {"made_from": made_from, **meta, **judged})


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Runs that share the folder wait for one another, rather than fit the same head side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
