"""A round's figures go along with its SavedModel, found by the round's number."""

from sjft_tf import artifacts
from sjft_tf.pipeline.programs.export import export
from sjft_tf.workdir import Workdir

PROGRAM = "sjft_tf.pipeline.programs.export"
FIGURES = {"count": 2, "top1": 0.5, "mean_class_accuracy": 0.5, "loss": 1.0, "calibration_error": 0.25}
ROUND = {"round": 2, "test": FIGURES}
METRICS = {"final": {"round": 1, "test": FIGURES}, "fusion of rounds": {}, "rounds": [ROUND]}


def test_export_takes_the_figures_of_its_round(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(f"{PROGRAM}.restore", lambda workdir, number: (None, None, ["a"], number))
    monkeypatch.setattr(f"{PROGRAM}.export_round", lambda *given: figures.append(given[-1]))
    workdir = Workdir(tmp_path / "run")
    for number in (1, 2, 3):  # fewer rounds in the file than there are now
        with workdir.locked():
            artifacts.write_json(workdir.metrics, METRICS)
        list(export(workdir, number, ""))
    assert figures == [{}, ROUND, {}]
