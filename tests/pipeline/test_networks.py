"""What starting weights are known by in stamps, wherever a file lies; how the source is learned."""

import os

import pytest

from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.networks import source_settings, weights_identity
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
