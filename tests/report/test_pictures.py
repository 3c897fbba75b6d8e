"""The pictures on a page are those of the images that the run was trained on, and borrowed from."""

from types import SimpleNamespace

import numpy as np
import pytest

from sjft_tf.config import RunConfig
from sjft_tf.report.pictures import open_pictures
from sjft_tf.run_sets import open_sets
from sjft_tf.workdir import Workdir


@pytest.fixture
def config(tmp_path) -> RunConfig:
    """Two classes of 8 images, the first also a test image; 6 images to borrow, of which 4 are named."""
    pixels = np.random.default_rng(0).integers(0, 256, (26, 4, 4), np.uint8)
    train, labels = pixels[:16], np.repeat([0, 1], 8)
    np.savez(tmp_path / "t.npz", x_train=train, y_train=labels, x_test=np.r_[train[:1], pixels[16:20]], y_test=[0] * 5)
    np.savez(tmp_path / "s.npz", x=pixels[20:], y=[0, 1] * 3)
    whole = RunConfig().with_settings(target=f"npz:{tmp_path / 't.npz'}", source=[f"npz:{tmp_path / 's.npz'}"])
    (tmp_path / "named.txt").write_text("000000\n000002\n000003\n000005\n")
    return whole.replace("data", source_rows=str(tmp_path / "named.txt"))


@pytest.mark.parametrize(
    "settings",
    [{"exclude_leaks": True}, {"per_class": 3, "validation_fold": "1/3"}, {"holdout_test": 0.25, "test": ""}],
)
def test_pictures_are_of_what_the_run_was_made_with(config, tmp_path, settings):
    if "test" in settings:
        config = config.replace("data", target=config.data.target + "#train")
    config = config.replace("data", **settings).replace("training", seed=1)
    workdir = Workdir(tmp_path / "run")
    sets = open_sets(config, workdir)
    assert 4 <= len(sets.target) < 16
    run = SimpleNamespace(
        workdir=workdir,
        config=config.to_json(),
        borrows=True,
        neighbors=None,
        classes={},
        source_size=len(sets.source_images()),
        states=[SimpleNamespace(counts=np.ones(len(sets.target)))],
    )
    shown = open_pictures(run)
    assert not shown.problem
    assert shown.target is not None
    assert shown.source is not None
    assert shown.target.ids.tolist() == sets.target.ids.tolist()
    assert shown.source.ids.tolist() == sets.source_images().ids.tolist()
    assert len(shown.source) == 4
