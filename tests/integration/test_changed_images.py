"""An image that is deleted or replaced while a command runs: named, nothing wrong written, and the run goes on."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sjft_tf.errors import InputError
from sjft_tf.images import changed_file
from sjft_tf.pipeline.finished_run import restore
from sjft_tf.pipeline.programs import evaluate as evaluate_program
from sjft_tf.pipeline.programs.evaluate import EvaluationRequest, evaluate
from sjft_tf.pipeline.programs.retrieve import retrieve
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import audit, learning, neighbors
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir


@pytest.fixture
def mine(config, world, tmp_path):
    """`(config, an image of the target, its copy)` of a world that may be changed."""
    shutil.copytree(world, tmp_path / "world")
    data = replace(
        config.data, target=f"folder:{tmp_path / 'world/target'}", source=[f"folder:{tmp_path / 'world/source'}"]
    )
    image = tmp_path / "world/target/train/b/2.png"
    shutil.copy2(image, tmp_path / "kept.png")
    return replace(config, data=data), image, tmp_path / "kept.png"


def other(path):
    Image.fromarray(np.full((16, 16, 3), 7, np.uint8)).save(path)


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def after(patch, module, name, action):
    original, done = getattr(module, name), []

    def then(*args, **kwargs):
        result = original(*args, **kwargs)
        if not done:
            done.append(action())
        return result

    patch.setattr(module, name, then)


def weights_of(workdir):
    return [np.array(v) for v in restore(workdir, 0).model.get_weights()]


def test_after_the_first_round(mine, finished, tmp_path, monkeypatch):
    config, image, kept = mine
    workdir = Workdir(tmp_path / "run")
    with monkeypatch.context() as patch:
        after(patch, learning, "evaluate_round", image.unlink)
        with pytest.raises((tf.errors.OpError, InputError)) as failed:
            train(config, workdir)
    said = failed.value if isinstance(failed.value, InputError) else changed_file(failed.value)
    assert f"{image} is gone since this command began" in str(said)
    assert finished_rounds(workdir.rounds) == [0]
    before = files_of(workdir.rounds / "00")

    shutil.copy2(kept, image)
    with monkeypatch.context() as patch:
        after(patch, learning, "evaluate_round", lambda: other(image))
        with pytest.raises(InputError, match=r"b/2\.png was changed .*Bring the image back as it was"):
            train(config, workdir)
    assert finished_rounds(workdir.rounds) == [0]
    assert files_of(workdir.rounds / "00") == before

    shutil.copy2(kept, image)
    train(config, workdir)
    for a, b in zip(weights_of(finished[0]), weights_of(workdir), strict=True):
        np.testing.assert_array_equal(a, b)
    assert finished[0].predictions.read_text() == workdir.predictions.read_text()


@pytest.mark.parametrize(
    ("module", "name", "absent"),
    [
        (audit, "find_leaks", ("leaks", "leaks_csv", "edges", "neighbors")),
        (neighbors, "build_neighbor_table", ("neighbors", "picture")),
    ],
)
def test_nothing_is_made_of_another_image(mine, tmp_path, monkeypatch, module, name, absent):
    config, image, _ = mine
    workdir = Workdir(tmp_path / "run")
    after(monkeypatch, module, name, lambda: other(image))
    with pytest.raises(InputError, match=r"b/2\.png was changed"):
        retrieve(config, workdir)
    assert not [name for name in absent if getattr(workdir, name).exists()]


def test_a_search_in_progress_keeps_nothing_of_another_image(mine, tmp_path, monkeypatch):
    from sjft_tf.retrieval import source_descriptors as source

    config, _, _ = mine
    config = config.replace("retrieval", checkpoint_images=1, keep_descriptors=True)
    workdir = Workdir(tmp_path / "run")
    image = tmp_path / "world/source/class 1/3.png"
    after(monkeypatch, source, "bank_positions", lambda: other(image))
    with pytest.raises(InputError, match=r"class 1/3\.png was changed"):
        retrieve(config, workdir)
    assert workdir.edges.exists()  # of the target
    assert not workdir.search.exists()
    assert not list(workdir.root.glob("*.partial"))


def test_no_checkpoint_of_another_image(mine, tmp_path, monkeypatch):
    config, image, _ = mine
    config = config.replace("checkpoints", checkpoint_steps=1)
    workdir = Workdir(tmp_path / "run")
    after(monkeypatch, learning, "build_model", lambda: other(image))
    with pytest.raises(InputError, match=r"b/2\.png was changed"):
        train(config, workdir)
    assert not list(workdir.checkpoints.glob("step*"))
    assert finished_rounds(workdir.rounds) == []


def test_no_figures_of_another_image(mine, finished, tmp_path, monkeypatch):
    config, image, _ = mine
    after(monkeypatch, evaluate_program, "_predictions", lambda: other(image))
    spec = config.data.target + "#train"
    with pytest.raises(InputError, match=r"b/2\.png was changed"):
        list(evaluate(finished[0], EvaluationRequest(spec), str(tmp_path / "figures.json")))
    assert not (tmp_path / "figures.json").exists()
