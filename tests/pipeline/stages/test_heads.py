"""What the heads begin as: the convex heads of the starting trunk's features, kept and found again."""

import logging

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from sjft_tf.config import RunConfig
from sjft_tf.images import ImageSet
from sjft_tf.models import build_trunk
from sjft_tf.pipeline.stages import heads
from sjft_tf.pipeline.stages.heads import start_heads
from sjft_tf.pipeline.stages.learning import build_model
from sjft_tf.pipeline.studying.jobs import run_workdir
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    build_trunk("preact_resnet", 8, depth=8, width=2).save_weights(path)
    return str(path)


@pytest.fixture
def config(weights):
    return (
        RunConfig()
        .replace("data", target="unused", source=["unused"])
        .replace("view", image_size=8, resize=8)
        .replace("model", trunk="preact_resnet", depth=8, width=2, weights=weights)
        .replace("training", eval_batch_size=8)
        .validate()
    )


def images(seed, count, classes):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    pixels = np.clip(rng.normal(60 + 50 * labels[:, None, None, None], 40, (count, 8, 8, 3)), 0, 255)
    return ImageSet.from_arrays(f"set {seed}", pixels.astype(np.uint8), labels)


@pytest.fixture
def sets():
    return Sets(images(1, 24, 3), source=images(2, 40, 4))


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def logits(model, image_set):
    pixels = np.stack([np.asarray(image_set.load(row)) for row in range(len(image_set))])
    return {name: np.float64(value) for name, value in model.predict(np.float32(pixels), verbose=0).items()}


def minimum(features, labels, classes, l2, train):
    """Log-probabilities at the minimum of mean cross entropy + l2/2 ||W||^2 over `train`, features of mean square 1."""
    inputs = features - features.mean(axis=0)
    inputs = inputs / np.sqrt((inputs**2).mean())
    inputs, hot = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1), np.eye(classes)[labels]

    def value(flat):
        w = flat.reshape(-1, classes)
        logs = log_softmax(inputs[train] @ w, axis=1)
        gradient = inputs[train].T @ (np.exp(logs) - hot[train]) / train.sum() + l2 * w
        return -(logs * hot[train]).sum() / train.sum() + l2 / 2 * (w**2).sum(), gradient.ravel()

    best = minimize(value, np.zeros(inputs.shape[1] * classes), jac=True, options={"gtol": 1e-9})
    return log_softmax(inputs @ best.x.reshape(-1, classes), axis=1)


def stored(workdir, role):
    (path,) = workdir.heads.glob(f"{role}-*.npz")
    return heads._load(path)[0]


def test_both_heads_begin_at_the_minimum_over_the_trunks_features(config, sets, workdir, weights, monkeypatch, caplog):
    monkeypatch.setattr(heads.softmax_head, "TOLERANCE", 1e-9)
    monkeypatch.setattr(heads.softmax_head, "STEPS", 500)
    monkeypatch.setattr(heads.softmax_head, "STRENGTHS", (0.1, 0.03))
    model = build_model(config, 3, 4)
    with caplog.at_level(logging.INFO):
        start_heads(config, sets, model, workdir)
    trunk = build_trunk("preact_resnet", 8, depth=8, width=2, weights=weights)
    for role, of in (("target", sets.target), ("source", sets.source)):
        pixels = np.stack([np.asarray(of.load(row)) for row in range(len(of))])
        features = np.float64(trunk.predict(np.float32(pixels), verbose=0))
        found = stored(workdir, role)
        # The target's five folds judge and then train; of the source's ten images a class the last one judges only.
        train = np.full(len(of), True) if role == "target" else np.arange(40) < 36
        expected = minimum(features, of.labels, of.num_classes, found.l2, train)
        np.testing.assert_allclose(log_softmax(logits(model, of)[role], axis=1), expected, atol=5e-3)
        assert (
            f"{role} head: l2 {found.l2:g}, right on {found.accuracy:.1%} of {found.held_out} held-out" in caplog.text
        )


def test_what_was_fitted_is_found_by_the_next_start_whatever_its_seed(config, sets, workdir, monkeypatch):
    first = build_model(config, 3, 4)
    start_heads(config, sets, first, workdir)
    monkeypatch.setattr(heads, "trunk_features", None)
    again = config.replace("training", seed=5, learning_rate=0.5)
    second = build_model(again, 3, 4)
    start_heads(again, sets, second, workdir)
    for role in ("target", "source"):
        one, other = (model.get_layer(f"{role}_head").get_weights() for model in (first, second))
        assert all(map(np.array_equal, one, other))


@pytest.mark.parametrize("changes", [{"head_start": "random"}, {"weights": "none"}])
def test_heads_stay_as_they_were_drawn(config, sets, workdir, changes, caplog):
    config = config.replace("model", **changes)
    model = build_model(config, 3, 4)
    before = model.get_weights()
    with caplog.at_level(logging.INFO):
        start_heads(config, sets, model, workdir)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    assert not workdir.heads.exists()
    assert ("the heads start at random, as the trunk does" in caplog.text) == ("weights" in changes)


def test_other_images_layers_or_precision_are_other_heads(config, sets):
    def name(config, sets=sets):
        return heads.artifacts.fingerprint(heads.head_stamp(config, "target", sets))

    anew = config.replace("model", reset_from="pool")
    others = [
        name(config.replace("training", seed=1)),
        name(config, Sets(sets.source)),
        name(config.replace("model", precision="bfloat16")),
        name(config.replace("view", resize=9)),
        name(config.replace("model", adapt_steps=3)),
        name(anew),
        name(anew.replace("training", seed=1)),
    ]
    assert others[0] == name(config)
    assert len({*others}) == len(others)


def test_features_that_are_all_the_same_leave_the_frequencies_of_the_classes(config, workdir):
    pixels, labels = np.full((6, 8, 8, 3), 90, np.uint8), np.array([0, 0, 0, 0, 1, 1])
    sets = Sets(ImageSet.from_arrays("same", pixels, labels))
    model = build_model(config, 2, None)
    start_heads(config, sets, model, workdir)
    p = np.exp(log_softmax(logits(model, sets.target)["target"], axis=1))
    assert (p == p[0]).all()
    assert 0.5 < p[0, 0] < 0.67


def test_a_head_that_is_damaged_is_fitted_again(config, sets, workdir, caplog):
    model = build_model(config, 3, None)
    start_heads(config, sets, model, workdir)
    (path,) = workdir.heads.glob("target-*.npz")
    path.write_bytes(path.read_bytes()[:-40])
    start_heads(config, sets, model, workdir)
    assert "It is made again" in caplog.text
    assert heads._load(path)


def test_runs_of_a_comparison_share_heads_and_adapted_trunks(tmp_path):
    one, other = (run_workdir(str(tmp_path / name), str(tmp_path / "shared"), "") for name in "ab")
    assert one.heads == other.heads == tmp_path / "shared/heads"
    assert one.adapted == other.adapted == tmp_path / "shared/adapted"
