"""Files of a round that are whole but of another round: as good as damaged, they would tell another's figures."""

import shutil

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline.stages.results import round_figures
from sjft_tf.report.damage import Damages
from sjft_tf.report.reading import _figures, _scoring
from sjft_tf.training import read_scoring
from sjft_tf.workdir import Workdir


@pytest.fixture
def workdir(tmp_path):
    found = Workdir(tmp_path)
    for index in range(2):
        place, weights = found.rounds / f"{index:02d}", {"weights": f"w{index}"}
        meta = {"made_from": {}, "index": index, "global_step": 3, "k0": 1, "metrics": {}, "optimizer": ""}
        artifacts.save_npz(place / "state.npz", {"counts": np.arange(2)}, meta | weights)
        scoring = {"entropy": np.full(2, index, np.float32), "wrong": np.ones(2, bool)}
        scoring |= {name: np.ones(2, np.int32) for name in ("predicted", "labels")}
        artifacts.save_npz(place / "scoring.npz", scoring, weights)
        p = np.full((2, 2), 0.5)
        stamp = {"made_from": {"images": "i", "views": "center", **weights}}
        artifacts.write_json(
            place / "metrics.json", {"test": evaluate_probabilities(p, [0, 1], ("a", "b")).to_json() | stamp}
        )
    return found


READERS = {
    "metrics.json": (round_figures, _figures),
    "scoring.npz": (lambda w, i: read_scoring(w.rounds, i), lambda path: _scoring(path, 2)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_another_round_is_refused(workdir, name):
    read, read_for_report = READERS[name]
    path = workdir.rounds / "01" / name
    assert read(workdir, 1)
    assert read_for_report(path)
    shutil.copy(workdir.rounds / "00" / name, path)
    with pytest.raises(InputError, match=rf"01/{name} was not made with the weights of round 2.*Remove .*00.*01 "):
        read(workdir, 1)
    damages = Damages()
    assert damages.read(path, read_for_report, None) is None
    assert "of another round or run" in damages.notes[0]
