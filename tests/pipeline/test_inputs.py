"""Opening the sets of a run: what is drawn of the target, and what stays."""

from dataclasses import replace

import numpy as np
import pytest

from sjft_tf.errors import InputError
from sjft_tf.pipeline.inputs import open_sets
from sjft_tf.training.config import RunConfig
from sjft_tf.workdir import Workdir


@pytest.fixture
def config(tmp_path) -> RunConfig:
    """Three classes of 8, 4 and 6 images in an archive, 2 of each for testing."""
    labels = np.repeat([0, 1, 2], [8, 4, 6])
    pixels = np.arange(len(labels) * 16, dtype=np.uint16).reshape(-1, 4, 4) % 251
    np.savez(
        tmp_path / "set.npz",
        **{"x_train": pixels.astype(np.uint8), "y_train": labels, "class_names": ["a", "b", "c"]},
        **{"x_test": (pixels[:6] + 3).astype(np.uint8), "y_test": np.repeat([0, 1, 2], 2)},
    )
    plain = RunConfig()
    return replace(
        plain,
        data=replace(plain.data, target=f"npz:{tmp_path / 'set.npz'}"),
        selection=replace(plain.selection, selector="none"),
    )


def with_data(config, seed=0, **values):
    return replace(config, data=replace(config.data, **values), training=replace(config.training, seed=seed)).validate()


def test_few_of_each_class_for_training_only(config, tmp_path):
    workdir = Workdir(tmp_path / "run")
    everything = open_sets(config, workdir)
    assert everything.target.class_counts.tolist() == [8, 4, 6]
    few = [open_sets(with_data(config, seed, per_class=3), workdir) for seed in (0, 1)]
    for sets in few:
        assert sets.target.class_counts.tolist() == [3, 3, 3]
        assert sets.test.fingerprint == everything.test.fingerprint
    assert len({sets.target.fingerprint for sets in (everything, *few)}) == 3
    with pytest.raises(InputError, match=r"--per_class=5 needs 5 training images .* 'b' \(4\)"):
        open_sets(with_data(config, per_class=5), workdir)
