"""Borrowing by what the starting trunk sees, digits from letters: neighbors by features, and class importance."""

import csv
import json

import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, load_npz
from sjft_tf.errors import InputError
from sjft_tf.images import open_image_set
from sjft_tf.models import build_trunk
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.inspection.request import InspectionRequest
from sjft_tf.pipeline.programs.extract import extract
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import retrieving
from sjft_tf.pipeline.stages.importance import CLASS_IMPORTANCE
from sjft_tf.pipeline.stages.weighting import source_pool
from sjft_tf.retrieval import NeighborTable
from sjft_tf.run_sets import open_sets
from sjft_tf.training import read_round
from sjft_tf.workdir import Workdir


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights of a tiny trunk."""
    path = tmp_path_factory.mktemp("weights") / "tiny.weights.h5"
    build_trunk("preact_resnet", 8, depth=8, width=4).save_weights(path)
    return str(path)


@pytest.fixture
def config(config, weights):
    config = (
        config.replace("data", target="digits?per_class=3", source=["glyphs?n=208"])
        .replace("view", image_size=8, resize=8, pad=1)
        .replace("model", weights=weights)
    )
    return config.validate()


@pytest.fixture
def by_features(config):
    return config.replace("retrieval", bank="features").validate()


@pytest.fixture
def by_class(config):
    return config.replace("selection", selector="class_importance", k0="share", source_share=0.25).validate()


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def seen_by(weights, images):
    """float64 [N, F]: what Keras' own `predict` makes of the images as they are, 8 px."""
    trunk = build_trunk("preact_resnet", 8, depth=8, width=4, weights=weights)
    pixels = np.stack([np.asarray(images.load(row)) for row in range(len(images))])
    return np.float64(trunk.predict(np.float32(pixels), verbose=0))


def test_neighbors_by_features_are_those_of_the_definition(by_features, weights, workdir):
    table = retrieving.neighbor_table(by_features, open_sets(by_features, workdir), workdir)
    target, source = (seen_by(weights, open_image_set(spec)) for spec in ("digits#train?per_class=3", "glyphs?n=208"))
    target, source = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (target, source))
    distances = 1 - target @ source.T
    assert table.rows.shape == (30, 3 + 4 * 3)
    np.testing.assert_allclose(table.distances, np.sort(distances, axis=1)[:, :15], atol=2e-6)
    np.testing.assert_allclose(np.take_along_axis(distances, table.rows, axis=1), table.distances, atol=2e-6)
    assert table.made_from["bank"] == "features"
    assert table.made_from["trunk"] == ["preact_resnet", 8, 4]
    assert table.made_from["view"] == [8, 8]
    assert len(table.made_from["weights"]) == 16
    assert not workdir.edges.exists()
    assert not workdir.search.exists()


@pytest.mark.slow
def test_training_with_such_neighbors_is_as_with_any(by_features, workdir):
    train(by_features, workdir)
    first, second = read_round(workdir.rounds, 0), read_round(workdir.rounds, 1)
    assert second.metrics["borrowed"]["mean_k"] == pytest.approx(first.counts.mean())
    assert len(workdir.borrowed.read_text().splitlines()) == 1 + first.counts.sum()
    assert workdir.picture.is_file()


def test_a_table_of_features_is_used_again_and_not_taken_for_another(by_features, weights, workdir, monkeypatch):
    lines = retrieve(by_features, workdir)
    assert "30 target images, 15 neighbors each" in lines[0]
    first = NeighborTable.load(workdir.neighbors)
    monkeypatch.setattr("sjft_tf.pipeline.stages.feature_neighbors.build_feature_table", None)
    montage = workdir.root / "montage.png"
    assert str(montage) in retrieve(by_features, workdir, InspectionRequest(montage=["0"]))[-1]
    sets = open_sets(by_features, workdir)
    shorter = by_features.replace("training", rounds=1).validate()
    assert retrieving.neighbor_table(shorter, sets, workdir).k_max == 3
    # 16-bit training looks at the same features.
    retrieving.neighbor_table(by_features.replace("model", precision="bfloat16").validate(), sets, workdir)
    with pytest.raises(ArtifactMismatch, match="neighbors: 15 there, 27 asked for"):
        retrieving.neighbor_table(by_features.replace("training", rounds=3).validate(), sets, workdir)
    with pytest.raises(ArtifactMismatch, match=r"view: \[8, 8\] there, \[9, 8\] asked for"):
        retrieving.neighbor_table(by_features.replace("view", resize=9).validate(), sets, workdir)
    other = workdir.root / "other.weights.h5"
    build_trunk("preact_resnet", 8, depth=8, width=4).save_weights(other)
    with pytest.raises(ArtifactMismatch, match=f"weights: '{first.made_from['weights']}' there, '[0-9a-f]+' asked"):
        retrieving.neighbor_table(by_features.replace("model", weights=str(other)).validate(), sets, workdir)
    with pytest.raises(InputError, match="There is no weight file"):
        retrieving.neighbor_table(by_features.replace("model", weights="gone.weights.h5").validate(), sets, workdir)
    with pytest.raises(ArtifactMismatch, match="bank: 'features' there, "):
        retrieving.neighbor_table(by_features.replace("retrieval", bank="gabor").validate(), sets, workdir)


def test_what_features_cannot_do_is_refused(by_features, by_class, workdir):
    with pytest.raises(InputError, match="--bank=features compares .* no filters to describe or explain"):
        retrieve(by_features, workdir, InspectionRequest(explain=["0"]))
    with pytest.raises(InputError, match="--bank=features compares .* no filters to describe or explain"):
        extract(by_features, workdir)
    for looks in (InspectionRequest(explain=["0"]), InspectionRequest(montage=["0"])):
        with pytest.raises(InputError, match="--selector=class_importance has no neighbors"):
            retrieve(by_class, workdir, looks)
    assert not workdir.root.exists() or not list(workdir.root.glob("*.npz"))


def test_the_whole_job_with_class_importance(by_class, workdir):
    train(by_class, workdir)
    source = open_image_set("glyphs?n=208")
    arrays, meta = load_npz(workdir.importance)
    # By the formula, in float64.
    frequency = np.bincount(source.labels, minlength=52) / 208
    np.testing.assert_allclose(arrays["source"], frequency, rtol=1e-12)
    np.testing.assert_allclose(arrays["weight"] * frequency, arrays["target"], rtol=1e-12)
    assert arrays["target"].sum() == pytest.approx(1)
    assert set(meta["made_from"]) == {"target", "source", "head", "trunk", "weights", "view"}
    with open(workdir.importance_csv, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["class", "target_probability", "source_frequency", "importance", "places", "images"]
    assert {r["class"] for r in rows} == set(source.class_names)
    importances = [float(r["importance"]) for r in rows]
    assert importances == sorted(importances, reverse=True)
    by_name = dict(zip(source.class_names, arrays["target"], strict=True))
    assert sum(int(r["places"]) for r in rows) == 52
    assert all(abs(int(r["places"]) - 52 * by_name[r["class"]]) < 1 for r in rows)
    # What was borrowed is what the list says, and no scoring makes it grow.
    images = sum(int(r["images"]) for r in rows)
    figures = json.loads(workdir.metrics.read_text())
    for figures_of_round in figures["rounds"]:
        assert figures_of_round["borrowed"]["union_size"] == images
        assert figures_of_round["borrowed"]["mean_k"] == figures_of_round["borrowed"]["max_k"] == 52
    lines = workdir.borrowed.read_text().splitlines()
    assert len(lines) == 1 + images
    assert all(line.startswith("*,") for line in lines[1:])
    assert not workdir.neighbors.exists()
    assert not workdir.edges.exists()
    assert "class importance" in json.loads(workdir.times.read_text())


def test_importances_are_used_again_for_pools_of_any_size(by_class, workdir, monkeypatch):
    sets = open_sets(by_class, workdir)
    first, weights = source_pool(by_class, sets, workdir), CLASS_IMPORTANCE.weights(by_class, sets, workdir)
    monkeypatch.setattr("sjft_tf.pipeline.stages.importance.fit_softmax_head", None)
    again = source_pool(by_class, sets, workdir)
    np.testing.assert_array_equal(first, again)
    larger = by_class.replace("selection", source_share=1.0).validate()
    assert (len(first), len(source_pool(larger, sets, workdir))) == (52, 208)
    np.testing.assert_array_equal(weights.weight, CLASS_IMPORTANCE.weights(larger, sets, workdir).weight)
    other = source_pool(by_class.replace("training", seed=5).validate(), sets, workdir)
    assert other.tolist() != first.tolist()
    lines = retrieve(by_class, workdir)
    with open(workdir.importance_csv, newline="") as stream:
        names = [row["class"] for row in csv.DictReader(stream)]
    assert [line.split()[-1] for line in lines[1:11]] == names[:10]
    assert "of 208 source images" in lines[11]
    assert "in 52 places" in lines[11]
    with pytest.raises(ArtifactMismatch, match=r"view: \[8, 8\] there, \[9, 8\] asked for"):
        source_pool(by_class.replace("view", resize=9).validate(), sets, workdir)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["by_features", "by_class"])
def test_broken_off_and_started_again_ends_the_same(kind, tmp_path, monkeypatch, request):
    config = request.getfixturevalue(kind)
    undisturbed, workdir = Workdir(tmp_path / "undisturbed"), Workdir(tmp_path / "run")
    train(config, undisturbed)

    def cut(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("sjft_tf.pipeline.stages.learning.evaluate_round", cut)  # of the first round
        with pytest.raises(KeyboardInterrupt):
            train(config, workdir)
    # Now the trunk that chooses is not built again before the one that is trained.
    train(config, workdir)
    for x, y in zip(
        *(restore(w, 0).model.get_weights() for w in (undisturbed, workdir)),
        strict=True,
    ):
        np.testing.assert_array_equal(x, y)
    assert undisturbed.borrowed.read_text() == workdir.borrowed.read_text()


def test_other_processes_get_the_chiefs_pool(by_class, workdir):
    sets = open_sets(by_class, workdir)

    class Assistant:
        def once(self, function):
            return {"pool": np.arange(7, dtype=np.int32)}

    training_sets = retrieving.retrieved(by_class, sets, workdir, Assistant())
    assert training_sets.pool.tolist() == list(range(7))
    assert training_sets.neighbors is None
    assert not workdir.importance.exists()
