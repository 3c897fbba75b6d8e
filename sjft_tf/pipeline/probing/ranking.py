"""Starting weights ranked for a target before any training, by the features they give."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator

import keras
import numpy as np

from sjft_tf import artifacts
from sjft_tf.config import Candidate, RunConfig
from sjft_tf.errors import InputError
from sjft_tf.images import ImageSet
from sjft_tf.models import FeatureStream, open_saved, spread_rows
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.networks import starting_trunk
from sjft_tf.probing import h_score, leep, logme
from sjft_tf.workdir import ProbeFiles, Workdir

log = logging.getLogger(__name__)

MOST = 4000
"""Images that are looked at, of every class its share."""


@dataclasses.dataclass(frozen=True)
class Ranked:
    """What is told of starting weights; `leep` None where they come without a classifier of their own."""

    weights: str
    logme: float
    h_score: float
    leep: float | None
    width: int


def rank(config: RunConfig, candidates: tuple[Candidate, ...], target: ImageSet, workdir: Workdir) -> Iterator[str]:
    """Yields the table of `candidates`, the best by LogME first, and writes ranking.json.

    Raises:
        InputError: weights that do not fit their trunk.
    """
    images = target.subset(np.sort(spread_rows(np.asarray(target.labels), MOST)))
    found = []
    for one in candidates:
        found.append(_ranked(config, one, images))
        yield f"{one.text}: LogME {found[-1].logme:.4f}"
        keras.backend.clear_session()
    found.sort(key=lambda one: -one.logme)
    artifacts.write_json(
        workdir.root / ProbeFiles.RANKING, {"images": len(images), "ranked": list(map(_values, found))}
    )
    yield ""
    yield "| weights | features | LogME | H-score | LEEP |"
    yield "|---|---|---|---|---|"
    for line in found:
        of_classes = "no classifier" if line.leep is None else f"{line.leep:.3f}"
        yield f"| {line.weights} | {line.width} | {line.logme:.4f} | {line.h_score:.2f} | {of_classes} |"
    yield ""
    yield "Larger is better. The H-score, of a shrunk covariance (Ledoit and Wolf), grows with the number of features."
    if any(line.leep is None for line in found):
        yield "LEEP needs the probabilities of a network's own classes: only a model: file with its top gives them."
    yield f"details: {workdir.root / ProbeFiles.RANKING}"


def _values(one: Ranked) -> dict[str, object]:
    return dataclasses.asdict(one)


def _ranked(config: RunConfig, candidate: Candidate, images: ImageSet) -> Ranked:
    values: dict[str, str | float] = {"weights": candidate.weights}
    if candidate.trunk:
        values |= {"trunk": candidate.trunk, "alpha": candidate.alpha or 0.0}
    own = config.with_settings(**values)
    own.model.check()
    own.check_network()
    features = _answers(own, starting_trunk(own), images)
    labels = np.asarray(images.labels)
    probabilities = _own_classes(own, images) if candidate.trunk == candidate.text else None
    told = None if probabilities is None else leep(probabilities, labels)
    return Ranked(
        candidate.text, logme(features, labels), h_score(features, labels, shrinkage=True), told, features.shape[1]
    )


def _own_classes(config: RunConfig, images: ImageSet) -> np.ndarray | None:
    """float32 [N, Z]: what a saved model with its top says of images; None without a top."""
    saved = open_saved(config.model.trunk, config.model.trunk_layer, config.model.preprocessing)
    last = saved.calls[-1]
    after = saved.calls[saved.cut.cut + 1 :]
    if len(last.shape) != 2 or not any(call.has_kernel for call in after):
        return None
    side = config.view.image_size
    inputs = keras.Input((side, side, 3), dtype="float32")
    answers = _answers(config, keras.Model(inputs, dataclasses.replace(saved, cut=last).maps(inputs, True)), images)
    if answers.min() >= 0 and np.allclose(answers.sum(axis=1), 1, atol=1e-3):
        return answers
    raised = np.exp(answers - answers.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _answers(config: RunConfig, model: keras.Model, images: ImageSet) -> np.ndarray:
    stream = FeatureStream(model, network_view(config), config.training.eval_batch_size)
    answers = np.concatenate([block for _, block in stream.blocks(images)])
    if not math.isfinite(float(np.abs(answers).max())):
        raise InputError(f"{config.model.trunk} gives NaN or infinite numbers for images: its weights are damaged")
    return answers
