"""A round's figures go along with its SavedModel, found by the round's number."""

import numpy as np

from sjft_tf import artifacts
from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline.programs.export import export
from sjft_tf.workdir import Workdir

PROGRAM = "sjft_tf.pipeline.programs.export"
METRICS = evaluate_probabilities(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1]), ("a", "b"))
WHOLE = {
    "views": "center",
    "final": {"round": 1, "test": METRICS.to_json()},
    "fusion of rounds": {},
    "rounds": [{"round": 2, "global_step": 4, "test": METRICS.headline.to_json()}],
}


def test_export_takes_the_figures_of_its_round(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(f"{PROGRAM}.restore", lambda workdir, number: (None, None, ["a"], number))
    monkeypatch.setattr(f"{PROGRAM}.export_round", lambda *given: figures.append(given[-1]))
    workdir = Workdir(tmp_path / "run")
    for number in (1, 2, 3):  # fewer rounds in the file than there are now
        with workdir.locked():
            artifacts.write_json(workdir.metrics, WHOLE)
        list(export(workdir, number, ""))
    assert figures == [{}, {"test": METRICS.headline}, {}]
