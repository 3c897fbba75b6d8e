"""How harmful each target image is, over layers of the network: trunk and fitted head as one model."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sjft_tf.influence import (
    PRODUCT_COST,
    Head,
    NetworkLoss,
    Scaling,
    Solution,
    arnoldi,
    conjugate_gradients,
    largest_eigenvalue,
    lissa,
)
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.pruning.head import InfluenceProblem, InfluenceScores
from sjft_tf.run_sets import Sets

log = logging.getLogger(__name__)

DAMPING = 0.01
STEPS = {"cg": 1000, "lissa": 1000, "arnoldi": 100}
TOLERANCE = {"cg": 1e-3, "lissa": 0.1, "arnoldi": 0.1}
POWER_STEPS = 10


def by_network(problem: InfluenceProblem, sets: Sets, folder: Path) -> InfluenceScores:
    """Influence over `--influence_layers` of the trunk with the head on it; says first what it will cost.

    Args:
        problem: trunk, head and rows.
        sets: the images.
        folder: for the file of views.

    Raises:
        InputError: the solve did not converge, or the matrix is not positive definite.
    """
    settings, seed = problem.settings, problem.config.training.seed
    network = classifier(problem.trunk, problem.head, problem.scaling)
    layers = [] if settings.influence_layers == ["all"] else settings.influence_layers
    loss = NetworkLoss(network, layers, settings.curvature)
    method = "cg" if settings.solver == "auto" else settings.solver
    steps, damping = settings.solve_steps or STEPS[method], settings.damping or DAMPING
    tolerance = settings.solve_tolerance or TOLERANCE[method]
    feed = Feed(problem, sets, folder)
    for line in cost(loss.size, method, steps, len(problem.train), len(problem.judging), feed.batch_size, settings):
        log.info("%s", line)
    vector = loss.gradient(lambda: feed.batches(problem.judging))

    def product(x: np.ndarray) -> np.ndarray:
        return loss.product(x, lambda: feed.batches(problem.train), damping)

    def of_batch(x: np.ndarray, step: int) -> np.ndarray:
        rows = np.random.default_rng([seed, step]).choice(
            problem.train, min(feed.batch_size, len(problem.train)), False
        )
        return loss.product(x, lambda: feed.batches(rows), damping)

    solution: Solution
    if method == "lissa":
        scale = settings.lissa_scale or 3 * largest_eigenvalue(product, loss.size, POWER_STEPS, seed)
        repeats = settings.lissa_repeats
        solution = lissa(of_batch, product, vector, depth=steps, scale=scale, repeats=repeats, tolerance=tolerance)
    elif method == "arnoldi":
        solution = arnoldi(product, vector, dimension=steps, damping=damping, seed=seed, tolerance=tolerance)
    else:
        solution = conjugate_gradients(product, vector, tolerance=tolerance, steps=steps)
    by_label = loss.label_influence(solution.check().vector, lambda: feed.batches(problem.train))
    scores = by_label[np.arange(len(by_label)), problem.labels[problem.train]]
    how = (
        f"{settings.curvature} over {loss.size:,} weights, damping {damping:g}, judged by {len(problem.judging)} "
        f"validation images; {solution}. Over a deep network influence is an approximation: check it before you trust "
        "it"
    )
    return InfluenceScores(problem.train, scores, scores, by_label.argmin(axis=1), how)


def classifier(trunk: keras.Model, head: Head, scaling: Scaling) -> keras.Model:
    """Trunk and head as one model, images to logits; the scaling of the features goes into the head's weights."""
    kernel = head.weights[:-1] * scaling.factor
    bias = head.weights[-1] - scaling.mean @ kernel
    dense = keras.layers.Dense(kernel.shape[1], dtype="float32", name="target_head")
    model = keras.Model(trunk.input, dense(trunk.output), name="classifier")
    dense.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return model


def cost(size: int, method: str, steps: int, train: int, judges: int, batch: int, settings: Any) -> list[str]:
    """What an influence over the network takes, in gradient evaluations of one image, said before it begins.

    A gradient evaluation is a forward and a backward pass of one image; an image in a Hessian product costs two.
    """
    whole = PRODUCT_COST * train  # one product over all images
    if method == "lissa":
        each, extra = settings.lissa_repeats * steps * PRODUCT_COST * min(batch, train), whole
        extra += 0 if settings.lissa_scale else POWER_STEPS * whole
    else:
        each, extra = min(steps, size) * whole, whole
    total = judges + each + extra + train
    memory = 8 * size * (steps if method == "arnoldi" else 6) / 2**20
    most = "" if method == "lissa" else "at most "
    return [
        f"Influence over {size:,} weights by {method}: {most}{total:,} gradient evaluations "
        f"({judges:,} for the validation gradient, {each:,} in the solver, {extra:,} beside it, {train:,} to score), "
        f"about {memory:.0f} MiB of vectors"
    ]


class Feed:
    """Views and labels of rows that count through target and validation set, batch by batch.

    The views are made once and lie in a file without a name: every product needs all of them, and decoding would take
    longer than the product.
    """

    def __init__(self, problem: InfluenceProblem, sets: Sets, folder: Path) -> None:
        self._labels, self.batch_size = problem.labels, problem.config.training.eval_batch_size
        side, view, filled = problem.config.view.image_size, network_view(problem.config), 0
        with tempfile.TemporaryFile(dir=folder) as file:
            self._views = np.memmap(file, np.float32, "w+", shape=(len(problem.labels), side, side, 3))
        for images in (sets.target, sets.validation):
            if images is not None:
                made = images.dataset().map(
                    lambda element: view(element["image"]), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
                )
                for batch in made.batch(self.batch_size):
                    self._views[filled : filled + len(batch)] = batch.numpy()
                    filled += len(batch)

    def batches(self, rows: np.ndarray) -> Iterable[tuple[Any, Any]]:
        """In the order of `rows`."""
        for begin in range(0, len(rows), self.batch_size):
            part = rows[begin : begin + self.batch_size]
            yield tf.constant(self._views[part]), tf.constant(self._labels[part])
