"""A run whose trunk is the user's own saved model: trained, restored without it, gone on with by its content."""

import shutil

import keras
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch
from sjft_tf.errors import InputError
from sjft_tf.models import trunk_of
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.networks import build_run_trunk
from sjft_tf.pipeline.programs import train as program
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.train import train
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir

LAYERS = keras.layers


def save(path):
    """A small classifier around a nested base; other weights at each call."""
    images = keras.Input((16, 16, 3))
    maps = LAYERS.BatchNormalization()(LAYERS.Conv2D(4, 3, name="first")(images))
    base = keras.Model(images, LAYERS.Conv2D(6, 3, activation="relu", name="second")(maps), name="base")
    head = [LAYERS.GlobalAveragePooling2D(), LAYERS.Dense(3)]
    keras.Sequential([keras.Input((16, 16, 3)), LAYERS.Rescaling(1 / 255), base, *head]).save(path)


@pytest.fixture
def own(config, tmp_path):
    save(tmp_path / "own.keras")
    plain = config.replace("data", source=[]).replace("selection", selector="none")
    plain = plain.replace("model", trunk=f"model:{tmp_path / 'own.keras'}", weights="imagenet", reset_from="second")
    return plain.replace("training", rounds=1, steps_per_round=2, l2_sp=0.01, layer_rate=["first:0.1"]).validate()


def test_a_run_needs_its_model_no_more_and_knows_it_by_content(own, tmp_path, monkeypatch):
    # The SavedModel takes seconds, and is like that of any run.
    monkeypatch.setattr(program, "export_round", lambda *_: None)
    workdir = Workdir(tmp_path / "run")
    train(own, workdir)
    moved = tmp_path / "moved.keras"
    shutil.move(tmp_path / "own.keras", moved)
    restored = restore(workdir, 0).model
    assert {"first", "second"} <= {layer.name for layer in restored.layers}
    # Another run can begin with what this one made of the model.
    kept = {"trunk": f"model:{workdir.architecture}", "weights": str(workdir.trunk), "reset_from": ""}
    trunk = build_run_trunk(own.replace("model", **kept).validate(), kept["weights"])
    for mine, theirs in zip(trunk.get_weights(), trunk_of(restored).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(InputError, match="architecture alone, which a run keeps. Give --weights"):
        own.replace("model", **kept | {"weights": "imagenet"}).check_network()
    (line, *_) = evaluate(workdir, EvaluationRequest())
    assert line.startswith("round 1 on target")
    # The same command with the model elsewhere goes on with what is there: nothing is trained.
    same = own.replace("model", trunk=f"model:{moved}")
    before = (workdir.rounds / "00" / "model.weights.h5").stat().st_mtime_ns
    train(same, workdir)
    assert (workdir.rounds / "00" / "model.weights.h5").stat().st_mtime_ns == before
    save(moved)
    with pytest.raises(ArtifactMismatch, match="trunk: 'model:.* there, 'model:"):
        train(same, workdir)
    assert finished_rounds(workdir.rounds) == [0]
