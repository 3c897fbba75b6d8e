"""--adapt_steps: the trunk that has learned the source is what a run starts with, kept, found again, gone on with."""

import logging

import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.models import load_trunk_weights, trunk_of
from sjft_tf.pipeline.networks import adapted_stamp, build_model, build_run_trunk, source_settings
from sjft_tf.pipeline.programs.train import train
from sjft_tf.pipeline.stages import adapting
from sjft_tf.run_sets import open_sets
from sjft_tf.training import finished_rounds
from sjft_tf.workdir import Workdir


@pytest.fixture
def config():
    return (
        RunConfig()
        .replace("data", target="digits?per_class=2", test="none", source=["glyphs?n=104"], audit=False)
        .replace("view", image_size=8, resize=8)
        .replace("model", trunk="preact_resnet", depth=8, width=2, weights="none", adapt_steps=3)
        .replace("selection", selector="none")
        .replace("training", rounds=1, steps_per_round=2, batch_size=4)
        .replace("monitor", projector_images=0)
        .validate()
    )


@pytest.fixture
def workdir(tmp_path):
    return Workdir(tmp_path / "run")


def adapted(config, sets, workdir):
    model = build_model(config, 10, None)
    adapting.adapt_trunk(config, sets, model, workdir)
    return trunk_of(model).get_weights()


def test_the_model_begins_with_the_trunk_that_learned_the_source_whatever_its_seed(
    config, workdir, monkeypatch, caplog
):
    sets = open_sets(config, workdir)
    with caplog.at_level(logging.INFO):
        found = adapted(config, sets, workdir)
    assert "the trunk learns the 104 source images for 3 steps" in caplog.text
    start = build_run_trunk(config, "none").get_weights()
    assert sum(np.abs(one - other).max() > 1e-4 for one, other in zip(found, start, strict=True)) > 10
    (path,) = workdir.adapted.glob("*/trunk.weights.h5")
    trunk = build_run_trunk(config, "none")
    load_trunk_weights(trunk, path)
    assert all(map(np.array_equal, found, trunk.get_weights()))
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    monkeypatch.setattr(adapting, "train_rounds", None)
    again = adapted(config.replace("training", seed=3, learning_rate=1.0), sets, workdir)
    assert all(map(np.array_equal, found, again))


def test_one_that_was_killed_before_it_was_kept_goes_on(config, workdir, monkeypatch):
    sets = open_sets(config, workdir)
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr(adapting, "save_trunk", None)
        adapted(config, sets, workdir)
    (folder,) = workdir.adapted.iterdir()
    assert finished_rounds(folder / "rounds") == [0]
    adapted(config, sets, workdir)
    assert (folder / "trunk.weights.h5").is_file()


def test_a_whole_run_fits_its_head_to_what_was_learned(config, workdir, caplog):
    with caplog.at_level(logging.INFO):
        train(config, workdir, saved_model=False)
    # The source's head first starts at random, as its trunk does; what comes out is no random trunk.
    assert "the heads start at random" in caplog.text
    assert "target head: l2" in caplog.text
    assert workdir.read_classes()["source"] == []
    assert "learning the source" in workdir.read_times()
    train(config, workdir, saved_model=False)


def test_it_depends_on_what_is_learned_and_how_not_on_the_run(config, workdir):
    images = open_sets(config, workdir).source
    same = [
        config.replace("training", seed=4, learning_rate=0.5, rounds=7, co_tuning="0"),
        config.replace("model", freeze="trunk"),
        config.replace("selection", selector="all"),
    ]
    others = [
        config.replace("model", adapt_steps=4),
        config.replace("model", adapt_rate=0.02),
        config.replace("view", resize=9),
        config.replace("training", batch_size=6),
    ]
    stamp = adapted_stamp(config, images)
    assert all(adapted_stamp(one, images) == stamp for one in same)
    assert not any(adapted_stamp(one, images) == stamp for one in others)
    settings = source_settings(config).training
    assert (settings.total_steps, settings.schedule, settings.learning_rate, settings.seed) == (3, "cosine", 0.01, 0)


def test_it_needs_a_source_and_keeps_all_of_what_it_learned(config):
    with pytest.raises(InputError, match="--adapt_steps=3 learns from the source, but no --source"):
        config.replace("data", source=[]).validate()
    with pytest.raises(InputError, match="--reset_from would forget a part of it"):
        config.replace("model", weights="imagenet", reset_from="pool").validate()
