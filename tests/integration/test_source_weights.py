"""Weights of the source by what the starting trunk sees, digits from letters: found or made, shown, and drawn by."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.models import GradientStream, LinearHead, Scaling, build_trunk, fit_softmax_head
from sjft_tf.models.projected_gradients import last_kernel_layer
from sjft_tf.pipeline.inputs import network_view
from sjft_tf.pipeline.inspection.request import InspectionRequest
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages.gradient_checkpoints import checkpoint_stamp, checkpoints, short_training
from sjft_tf.pipeline.stages.gradients import GRADIENTS, weights_by
from sjft_tf.pipeline.stages.transport import CLASS_TRANSPORT
from sjft_tf.pipeline.stages.weighting import source_pool
from sjft_tf.run_sets import open_sets
from sjft_tf.selection import ImageWeights
from sjft_tf.selection.transport import transport_weights
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """`(a tiny trunk, the file of its weights)`."""
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    built = build_trunk("preact_resnet", 8, depth=8, width=4)
    built.save_weights(path)
    return built, str(path)


@pytest.fixture
def config(config, trunk):
    return (
        config.replace("data", target="digits?per_class=3", source=["glyphs?n=208"])
        .replace("view", image_size=8, resize=8, pad=1)
        .replace("model", weights=trunk[1])
        .replace("selection", k0="share", source_share=0.25)
    )


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def by(config, selector):
    return config.replace("selection", selector=selector).validate()


def seen_by(trunk, spec):
    """`(features float64 [N, F], labels)`: what Keras' own `predict` makes of the images as they are, 8 px."""
    images = open_image_set(spec)
    pixels = np.stack([np.asarray(images.load(row)) for row in range(len(images))])
    return np.float64(trunk.predict(np.float32(pixels), verbose=0)), images.labels


def kernel_gradient(trunk, head, pixels, label):
    """The gradient of the last kernel by one image's loss, flat float64."""
    kernel = last_kernel_layer(trunk).kernel
    with tf.GradientTape() as tape:
        logits = tf.matmul(trunk(pixels[None], training=False), head.kernel) + head.bias
        loss = -tf.nn.log_softmax(logits)[0, label]
    return np.float64(tape.gradient(loss, kernel if isinstance(kernel, tf.Variable) else kernel.value).numpy()).ravel()


def listed(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_transport_is_of_the_class_means_of_features(config, trunk, workdir, monkeypatch):
    config = by(config, "uot")
    sets = open_sets(config, workdir)
    pool, weights = source_pool(config, sets, workdir), CLASS_TRANSPORT.weights(config, sets, workdir)
    (target, ours), (source, theirs) = (
        seen_by(trunk[0], spec) for spec in ("digits#train?per_class=3", "glyphs?n=208")
    )
    means = [
        np.stack([features[labels == y].mean(axis=0) for y in range(labels.max() + 1)])
        for features, labels in ((source, theirs), (target, ours))
    ]
    np.testing.assert_allclose(weights.weight, transport_weights(*means, theirs, ours).weight, rtol=1e-4)
    # Drawn in proportion, and written as a list.
    assert len(pool) == 52
    assert (np.abs(np.bincount(theirs[pool], minlength=52) - 52 * weights.target) < 1).all()
    rows = listed(workdir.transport_csv)
    assert list(rows[0]) == ["class", "plan_share", "source_frequency", "weight", "places", "images"]
    assert [float(row["weight"]) for row in rows] == sorted((float(row["weight"]) for row in rows), reverse=True)
    assert sum(int(row["places"]) for row in rows) == 52
    assert "class transport" in json.loads(workdir.times.read_text())
    # Made once; of other images' views it is refused.
    monkeypatch.setattr("sjft_tf.pipeline.stages.transport.transport_weights", None)
    lines = retrieve(config, workdir)
    assert [line.split()[-1] for line in lines[1:11]] == [row["class"] for row in rows[:10]]
    assert lines[-1] == f"  list: {workdir.transport_csv}"
    with pytest.raises(ArtifactMismatch, match=r"uot\.npz.*view: \[8, 8\] there, \[9, 8\] asked for"):
        retrieve(config.replace("view", resize=9).validate(), workdir)


def test_images_weigh_what_their_gradients_have_in_common_with_a_class(config, trunk, workdir, monkeypatch):
    config = by(config, "gradients")
    sets = open_sets(config, workdir)
    pool, weights = source_pool(config, sets, workdir), GRADIENTS.weights(config, sets, workdir)
    # Gradients of the last kernel one image at a time, by fitted heads as they are.
    rows, made = np.arange(0, 208, 23), []
    for images, which in ((sets.target, np.arange(30)), (sets.source, rows)):
        pixels = np.stack([np.asarray(images.load(row)) for row in range(len(images))]).astype(np.float32)
        features = trunk[0].predict(pixels, verbose=0)
        scaling = Scaling.of(features, np.arange(len(features)))
        head = LinearHead(*fit_softmax_head(features, images.labels, images.num_classes, scaling).dense())
        made.append(np.stack([kernel_gradient(trunk[0], head, pixels[row], images.labels[row]) for row in which]))
    ours, theirs = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in made)
    # Of the target's on the side of the patches, 144 numbers, the 128 principal directions.
    moment = sum(one.reshape(144, 16) @ one.reshape(144, 16).T for one in ours)
    span = np.linalg.eigh(moment)[1][:, -128:]
    means = np.stack([ours[sets.target.labels == y].mean(axis=0).reshape(144, 16) for y in range(10)])
    likeness = theirs @ (span @ (span.T @ means)).reshape(10, -1).T
    np.testing.assert_allclose(weights.weight[rows], likeness.max(axis=1), rtol=0.01, atol=2e-3)
    # The best are borrowed, each once, and listed.
    assert sorted(pool.tolist()) == sorted(np.argsort(-weights.weight, kind="stable")[:52].tolist())
    listing = listed(workdir.likeness_csv)
    assert listing[0]["source"] == sets.source.ids[weights.weight.argmax()]
    assert listing[0]["target_class"] == sets.target.class_names[weights.target_class[weights.weight.argmax()]]
    assert {row["source"] for row in listing} == set(sets.source.ids[pool])
    # Made once, for pools of any size and seed.
    monkeypatch.setattr("sjft_tf.pipeline.stages.gradient_checkpoints.fit_softmax_head", None)
    larger = config.replace("selection", source_share=0.5).replace("training", seed=3).validate()
    assert len(source_pool(larger, sets, workdir)) == 104
    lines = retrieve(config, workdir)
    counts = np.sort(np.bincount(sets.source.labels[pool]))[::-1]
    assert [int(line.split()[0]) for line in lines[1:11]] == counts[:10].tolist()
    assert lines[-2].startswith("  borrows 52 of 208 source images (25.0%) in 52 places")
    with pytest.raises(ArtifactMismatch, match=r"gradients\.npz.*view: \[8, 8\] there, \[9, 8\] asked for"):
        retrieve(config.replace("view", resize=9).validate(), workdir)


def test_later_networks_come_from_a_short_training_that_goes_on_where_it_stopped(config, workdir):
    config = by(config.replace("selection", gradient_checkpoints=2, gradient_rate=0.01), "gradients")
    sets = open_sets(config, workdir)
    start, later = checkpoints(config, sets, workdir)
    assert [path.name for path in workdir.gradient_rounds.iterdir()] == ["00"]
    _, again = checkpoints(config, sets, workdir)
    for x, y in zip(later.trunk.get_weights(), again.trunk.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    before, after = start.trunk.get_weights(), later.trunk.get_weights()
    assert max(np.abs(x - y).max() for x, y in zip(before, after, strict=True)) > 0
    assert all(0 < np.abs(later.heads[d].kernel - start.heads[d].kernel).max() < 1 for d in start.heads)
    # One pass over the source for both networks; what they say is added up.
    view = network_view(config)
    both, single = (weights_by(some, sets, GradientStream(some, view, 64)) for some in ([start, start], [start]))
    np.testing.assert_allclose(both.weight, 2 * single.weight, rtol=1e-6)
    # What is found has no use for the training any more.
    weights = GRADIENTS.weights(config, sets, workdir)
    assert np.abs(weights.weight - both.weight).max() > 1e-3
    assert not workdir.gradient_rounds.exists()


def test_the_short_training_is_the_same_for_all_trials_of_a_run(config):
    config = by(config.replace("selection", gradient_checkpoints=3), "gradients")
    assert short_training(config).training.steps_per_round == 20  # of 8 steps
    longer = config.replace("training", rounds=4, steps_per_round=1000)
    assert short_training(longer).training.total_steps == 200
    other = config.replace("training", seed=3, learning_rate=0.5, source_weight=0.1, decay_steps=0).validate()
    assert checkpoint_stamp(other) == checkpoint_stamp(config)
    assert checkpoint_stamp(config.replace("selection", gradient_rate=0.01)) != checkpoint_stamp(config)
    assert checkpoint_stamp(config.replace("selection", gradient_checkpoints=1)) == {"checkpoints": 0}


def test_weights_of_other_sets_are_damaged(config, workdir):
    sets = open_sets(by(config, "gradients"), workdir)
    for rows, label, message in ((3, 0, "of 3 source images, there are 208"), (208, 10, "where the target has 10")):
        weights = ImageWeights(np.zeros(rows), np.full(rows, label, np.int32))
        assert message in GRADIENTS.unfit(weights, sets)


@pytest.mark.parametrize("selector", ["uot", "gradients"])
def test_there_are_no_neighbors_to_look_at(config, workdir, selector):
    for looks in (InspectionRequest(explain=["0"]), InspectionRequest(montage=["0"])):
        with pytest.raises(InputError, match=f"--selector={selector} has no neighbors"):
            retrieve(by(config, selector), workdir, looks)


@pytest.mark.parametrize("selector", ["gradients", pytest.param("uot", marks=pytest.mark.slow)])
def test_a_run_borrows_the_pool(config, workdir, selector):
    config = by(config.replace("training", rounds=1, steps_per_round=2), selector)
    train(config, workdir, saved_model=False)
    figures = json.loads(workdir.metrics.read_text())["rounds"][0]["borrowed"]
    pool = source_pool(config, open_sets(config, workdir), workdir)
    assert figures["union_size"] == len(np.unique(pool))
    assert len(workdir.borrowed.read_text().splitlines()) == 1 + len(np.unique(pool))
    assert not workdir.neighbors.exists()
