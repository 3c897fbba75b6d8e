"""What starting weights are known by in stamps: a file's content, wherever it lies and whenever it was read."""

import os

import pytest

from sjft_tf.errors import InputError
from sjft_tf.pipeline.networks import weights_identity


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
