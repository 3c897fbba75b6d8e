"""The head on a frozen trunk with class weights: L2 is chosen by the weighted loss, from weighted fits."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.comparison import ARMS
from sjft_tf.config import RunConfig
from sjft_tf.influence import Examples, Scaling, choose_l2
from sjft_tf.influence.head import L2_CHOICES


def test_l2_is_chosen_by_the_weighted_loss(rng):
    labels = np.repeat([0, 1, 0, 1], [24, 4, 12, 3])
    features = rng.normal(0, 1, (43, 3)) + 0.5 * labels[:, None]
    inputs, train, weights = np.hstack([features, np.ones((43, 1))]), np.arange(43) < 28, np.array([0.6, 3.5])
    losses = []
    for l2 in L2_CHOICES:

        def value(flat, l2=l2):
            w = flat.reshape(4, 2)
            logs = log_softmax(inputs[train] @ w, axis=1)[np.arange(28), labels[train]]
            return -(weights[labels[train]] * logs).mean() + l2 / 2 * (w**2).sum()

        w = minimize(value, np.zeros(8)).x.reshape(4, 2)
        logs = log_softmax(inputs[~train] @ w, axis=1)[np.arange(15), labels[~train]]
        losses.append(-(weights[labels[~train]] * logs).sum())
    scaling = Scaling(np.zeros(3), 1.0)
    parts = [tuple(Examples(features, labels, scaling, np.flatnonzero(rows)) for rows in (train, ~train))]
    # From strong to weak: the first whose successor is no better.
    first = next(i for i in range(len(losses) - 1) if losses[i + 1] >= losses[i])
    assert choose_l2(parts, 2, weights) == L2_CHOICES[first]


def test_the_frozen_arm_reads_either_way_as_weights():
    base = RunConfig().replace("data", target="digits", source=["glyphs"])
    weighed, drawn = (base.replace("training", **{name: "balanced"}) for name in ("class_weight", "sampling"))
    assert ARMS["frozen"].config(drawn) == ARMS["frozen"].config(weighed) != ARMS["frozen"].config(base)
    assert ARMS["fine-tune"].config(drawn).training.sampling == "balanced"
