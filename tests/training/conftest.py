"""Sets of 8-pixel images, settings and models small enough that a fit takes a second or two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet, View
from sjft_tf.models import Scorer, build_joint_model, build_trunk
from sjft_tf.training import TrainingSets

SIZE, TARGETS, SOURCES = 8, 9, 20


@pytest.fixture(scope="session")
def sets() -> TrainingSets:
    """9 target images of 3 classes, 20 source images of 4, and every target image's ranking of all of them."""
    rng = np.random.default_rng(5)
    target = rng.integers(0, 256, (TARGETS, SIZE, SIZE, 3), dtype=np.uint8)
    source = rng.integers(0, 256, (SOURCES, SIZE, SIZE, 3), dtype=np.uint8)
    return TrainingSets(
        ImageSet.from_arrays("target", target, np.arange(TARGETS) % 3),
        ImageSet.from_arrays("source", source, np.arange(SOURCES) % 4),
        np.stack([rng.permutation(SOURCES) for _ in range(TARGETS)]).astype(np.int32),
    )


@pytest.fixture(scope="session")
def config() -> RunConfig:
    """Two rounds of three steps, K0 = 2."""
    plain = RunConfig()
    return replace(
        plain,
        data=replace(plain.data, target="target", source=["source"]),
        view=replace(plain.view, image_size=SIZE, resize=SIZE, mirror=False),
        selection=replace(plain.selection, selector="nearest", k0="2"),
        model=replace(plain.model, trunk="preact_resnet", weights="none", depth=8, width=2),
        training=replace(plain.training, rounds=2, steps_per_round=3, batch_size=4, eval_batch_size=8),
    )


@pytest.fixture(scope="session")
def new_model(sets, config):
    """Makes a joint model of random weights; `source=False` leaves out the source head."""

    def make(source: bool = True):
        trunk = build_trunk("preact_resnet", SIZE, depth=8, width=config.model.width)
        return build_joint_model(trunk, 3, 4 if source else None)

    return make


@pytest.fixture(scope="session")
def new_scorer():
    return lambda model: Scorer(model, View(SIZE, SIZE), 8)
