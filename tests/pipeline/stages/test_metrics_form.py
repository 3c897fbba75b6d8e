"""metrics.json of a run: read by its form."""

import pytest

from sjft_tf import artifacts
from sjft_tf.errors import InputError
from sjft_tf.pipeline.comparing.jobs import _write_result
from sjft_tf.pipeline.stages.results import read_metrics
from sjft_tf.workdir import Workdir

FIGURES = {"count": 2, "top1": 0.5, "mean_class_accuracy": 0.5, "loss": 1.0, "calibration_error": 0.25}
WHOLE = {"final": {"round": 1, "test": FIGURES}, "fusion of rounds": {}, "rounds": [{"round": 2, "test": FIGURES}]}


@pytest.mark.parametrize(
    "change",
    [
        {"final": None},
        {"final": {"test": FIGURES | {"top1": "much"}}},
        {"fusion of rounds": {"test": {"count": 2}}},
        {"rounds": {}},
        {"rounds": [{"test": FIGURES}]},
    ],
)
def test_others_are_refused(tmp_path, change):
    workdir = Workdir(tmp_path)
    artifacts.write_json(workdir.metrics, WHOLE | change)
    for reader in (read_metrics, lambda one: _write_result(one, "stamp")):
        with pytest.raises(InputError, match=r"metrics\.json .*Remove it and start the training"):
            reader(workdir)
    artifacts.write_json(workdir.metrics, WHOLE)
    assert read_metrics(workdir) == WHOLE
