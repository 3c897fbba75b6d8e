"""--rounds=3 in the workdir of a finished run of two: it goes on, and what is exported is the new last round."""

import h5py
import numpy as np
import pytest

from sjft_tf.artifacts import ArtifactMismatch, read_json, remove_directory
from sjft_tf.errors import InputError
from sjft_tf.export import read_description
from sjft_tf.pipeline.checking.begun_run import refuse_other_run
from sjft_tf.pipeline.programs.train import train
from sjft_tf.training import finished_rounds, round_made_from


def arrays(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return [array.tobytes() for array in found.values()]


def test_a_finished_run_goes_on(config, trained):
    longer = config.replace("training", rounds=3)
    kept = [trained.neighbors, *trained.rounds.glob("*/model.weights.h5"), *trained.rounds.glob("*/state.npz")]
    before = {path: path.read_bytes() for path in kept}
    figures = read_json(trained.metrics)["rounds"]
    train(longer, trained)
    assert {path: path.read_bytes() for path in before} == before
    assert finished_rounds(trained.rounds) == [0, 1, 2]
    assert [round_made_from(trained.rounds, index)["rounds"] for index in range(3)] == [2, 2, 3]
    told = read_json(trained.metrics)
    assert (told["rounds"][:2], told["final"]["round"]) == (figures, 3)
    assert read_description(trained.saved_model)["made_from"]["round"] == 3
    last = arrays(trained.rounds / "02" / "model.weights.h5")
    assert all(array in last for array in arrays(trained.trunk))
    with pytest.raises(ArtifactMismatch, match="rounds: 3 there, 2 asked for"):
        refuse_other_run(config, trained)


def test_one_that_has_not_ended_does_not_become_longer(config, trained):
    remove_directory(trained.rounds / "01")
    with pytest.raises(InputError, match=r"has finished 1 of its 2 rounds\. End it with --rounds=2"):
        refuse_other_run(config.replace("training", rounds=3), trained)
    refuse_other_run(config, trained)
    assert np.array_equal(finished_rounds(trained.rounds), [0])
