"""Stamps of what lies in a workdir: a whole file whose description is none of ours is refused by its name."""

from types import SimpleNamespace

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.config import RunConfig
from sjft_tf.errors import InputError
from sjft_tf.pipeline.checking.begun_run import refuse_other_classes, refuse_other_images, refuse_other_target
from sjft_tf.pipeline.checking.changes import changed_sets
from sjft_tf.pipeline.pruning import target as pruning
from sjft_tf.pipeline.stages.importance import CLASS_IMPORTANCE
from sjft_tf.run_sets import Sets
from sjft_tf.workdir import Workdir

SETS = SimpleNamespace(
    target=SimpleNamespace(fingerprint="abc"), source=None, test=None, validation=None, scored=lambda: {}
)


@pytest.fixture
def workdir(tmp_path):
    workdir = Workdir(tmp_path / "run")
    workdir.write_config(RunConfig())
    (workdir.rounds / "00").mkdir(parents=True)
    return workdir


def _state(workdir, **changes):
    meta = {"index": 0, "global_step": 3, "k0": 1, "metrics": {}, "weights": "w", "optimizer": "o", **changes}
    artifacts.save_npz(workdir.rounds / "00" / "state.npz", {"counts": np.arange(2)}, meta)


@pytest.mark.parametrize("changes", [{}, {"made_from": None}, {"made_from": []}, {"made_from": {}, "index": 1}])
@pytest.mark.parametrize(
    "start",
    [
        lambda workdir: refuse_other_target(RunConfig(), SETS, workdir),
        lambda workdir: changed_sets(RunConfig(), workdir, {"training": SETS.target}),
        lambda workdir: refuse_other_images(RunConfig(), SETS, workdir),
    ],
    ids=["target", "changed", "images"],
)
def test_of_a_round(workdir, start, changes):
    _state(workdir, **changes)
    with pytest.raises(InputError, match=r"00.state\.npz .*Remove .*00 to train again from the beginning"):
        start(workdir)


def test_a_round_of_no_known_images_is_of_others(workdir):
    _state(workdir, made_from={})
    with pytest.raises(artifacts.ArtifactMismatch, match="target images"):
        refuse_other_target(RunConfig(), SETS, workdir)
    assert changed_sets(RunConfig(), workdir, {"training": SETS.target}) == {}


@pytest.mark.parametrize("meta", [{}, {"made_from": {}}, {"made_from": {"images": 7}}])
def test_of_probabilities(workdir, meta):
    _state(workdir, made_from={"target images": "abc"})
    path = workdir.rounds / "00" / "probabilities-test.npz"
    artifacts.save_npz(path, {"probabilities": np.full((2, 2), 0.5)}, meta)
    with pytest.raises(InputError, match=r"probabilities-test\.npz .*Remove it and start the training"):
        changed_sets(RunConfig(), workdir, {"test": None})


def test_of_classes(workdir):
    _state(workdir, made_from={})
    artifacts.write_json(workdir.classes, {"target": "cat"})
    with pytest.raises(InputError, match=r"classes\.json .*must be a list.*Remove it and start the training"):
        refuse_other_classes(["cat"], workdir)


def test_of_scores_and_importances(workdir):
    for path in (workdir.influence / "scores.npz", workdir.importance):
        artifacts.save_npz(path, {}, {"made_from": 7})
    with pytest.raises(InputError, match=r"scores\.npz .*must be an object"):
        artifacts.load_npz(workdir.influence / "scores.npz", pruning._SCHEMA)
    with pytest.raises(InputError, match=r"class_importance\.npz .*must be an object"):
        CLASS_IMPORTANCE.check(RunConfig(), Sets(SETS.target, source=SETS.target), workdir)
