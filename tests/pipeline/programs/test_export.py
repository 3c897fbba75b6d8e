"""A round's figures go along with its SavedModel, found by the round's number."""

from pathlib import Path

import numpy as np
import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.evaluation import evaluate_probabilities
from sjft_tf.pipeline.finished_run import RestoredRun
from sjft_tf.pipeline.programs.export import ExportRequest, export
from sjft_tf.workdir import Workdir

PROGRAM = "sjft_tf.pipeline.programs.export"
METRICS = evaluate_probabilities(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1]), ("a", "b"))
WHOLE = {
    "views": "center",
    "final": {"round": 1, "test": METRICS.to_json()},
    "fusion of rounds": {},
    "rounds": [{"round": 2, "global_step": 4, "test": METRICS.headline.to_json()}],
}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"formats": ["onnxx"]}, r"some of saved_model, keras, tflite, onnx\. Received: 'onnxx'"),
        ({"formats": []}, "Received: none"),
        ({"quantize": "int4", "formats": ["tflite"]}, "one of none, float16, int8"),
        ({"quantize": "int8"}, "is for TFLite: add it to --formats"),
    ],
)
def test_what_there_is_not_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        ExportRequest(**given)


def test_where_each_format_goes(tmp_path):
    workdir = Workdir(tmp_path / "run")
    assert ExportRequest().place("saved_model", workdir) == workdir.saved_model
    assert ExportRequest().place("onnx", workdir) == tmp_path / "run" / "model.onnx"
    assert ExportRequest(output="a/b").place("saved_model", workdir) == Path("a/b")
    assert ExportRequest(output="a/b").place("keras", workdir) == Path("a/b.keras")


def test_a_folder_and_a_file_of_one_name_are_refused(tmp_path):
    request = ExportRequest(output=str(tmp_path / "m.keras"), formats=["saved_model", "keras"])
    with pytest.raises(InputError, match="leave its ending out"):
        list(export(Workdir(tmp_path / "run"), request))


def test_export_takes_the_figures_of_its_round(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(f"{PROGRAM}.restore", lambda workdir, number: RestoredRun(None, None, ["a"], number))
    monkeypatch.setattr(f"{PROGRAM}.export_round", lambda *given: figures.append(given[-1]))
    workdir = Workdir(tmp_path / "run")
    for number in (1, 2, 3):  # fewer rounds in the file than there are now
        with workdir.locked():
            artifacts.write_json(workdir.metrics, WHOLE)
        list(export(workdir, ExportRequest(number)))
    assert figures == [{}, {"test": METRICS.headline}, {}]
