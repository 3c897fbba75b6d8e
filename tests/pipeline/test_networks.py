"""What starting weights are known by in stamps, wherever a file lies; how the source is learned."""

import os

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.networks import network_origin, source_settings, starting_stamp, trunk_identity, weights_identity
from sjft_tf.pipeline.stages.gradient_checkpoints import short_training


def test_weights_are_known_by_content(tmp_path):
    assert [weights_identity(name) for name in ("none", "imagenet")] == ["none", "imagenet"]
    first, second = tmp_path / "a.weights.h5", tmp_path / "b.weights.h5"
    for path in (first, second):
        path.write_bytes(b"one")
    known = weights_identity(str(first))
    assert weights_identity(str(second)) == known
    first.write_bytes(b"two")  # of the same size
    os.utime(first, ns=(0, 1))
    assert weights_identity(str(first)) != known
    with pytest.raises(InputError, match="`weights` is none, imagenet, or the path"):
        weights_identity(str(tmp_path / "c.weights.h5"))


def test_what_learns_the_source_mixes_nothing():
    mixing = RunConfig().replace("augmentation", mixup=0.2, cutmix=1.0, cutout=4)
    for settings in (source_settings(mixing), short_training(mixing)):
        assert not settings.augmentation.mixes
        assert settings.augmentation.cutout == 4


def test_saved_trunks_are_known_by_content_a_preset_by_its_name_or_its_files(tmp_path):
    assert trunk_identity("resnet50") == "ResNet50"
    assert trunk_identity("keras_hub:resnet_50_imagenet") == "keras_hub:resnet_50_imagenet"
    for name in ("a", "b"):
        (tmp_path / f"{name}.keras").write_bytes(b"one")
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes(b"two")
    for kind, ending in (("model:", ".keras"), ("keras_hub:", "")):
        first, second = (trunk_identity(f"{kind}{tmp_path / name}{ending}") for name in ("a", "b"))
        assert first == second
        assert first.startswith(kind)
    (tmp_path / "a" / "model.weights.h5").write_bytes(b"three")
    assert trunk_identity(f"keras_hub:{tmp_path / 'a'}") != second
    with pytest.raises(InputError, match="no model file"):
        trunk_identity(f"model:{tmp_path / 'c.keras'}")


def test_stamps_of_runs_without_these_options_stay(tmp_path):
    """What was recorded before there were saved trunks must be found again."""
    config = RunConfig()
    assert network_origin(config.model) == {"weights": "imagenet"}
    assert starting_stamp(config) == {"trunk": ["ResNet152V2"], "weights": "imagenet", "view": [256, 224]}
    later = {"trunk_layer", "preprocessing", "partial_weights"}
    assert not later & set(config.stamp("model"))
    (tmp_path / "a.keras").write_bytes(b"one")
    own = config.with_settings(trunk=f"model:{tmp_path / 'a.keras'}", trunk_layer="conv", preprocessing="unit")
    origin = network_origin(own.model)
    assert {**origin, "trunk": origin["trunk"][:6]} == {
        **{"weights": "imagenet", "trunk": "model:"},
        **{"trunk_layer": "conv", "preprocessing": "unit"},
    }
